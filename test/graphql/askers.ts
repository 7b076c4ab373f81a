import type { Caller } from "../../src/domain/caller.js";
import { HOME, principal } from "./access-world.js";
import type { Fixture } from "./fixture.js";

const CREATE = "mutation ($input: CreatePolicyInput!) { createPolicy(input: $input) { userErrors { message } } }";
const ATTACH = "mutation ($input: AttachPolicyInput!) { attachPolicy(input: $input) { userErrors { message } } }";
const CREATE_USER = "mutation ($input: CreateUserInput!) { createUser(input: $input) { userErrors { message } } }";

export interface Asker {
  readonly arn: string;
  readonly caller: Caller;
}

export const statement = (Effect: "Allow" | "Deny", Action: string | string[], Resource: string | string[] = "*") => ({
  ...{ Effect, Action, Resource },
});
export const allow = statement.bind(null, "Allow");
export const deny = statement.bind(null, "Deny");

/** New users of HOME, and what they may do. */
export function askers({ ask }: Pick<Fixture, "ask">) {
  let made = 0;
  const give = async (holder: string, ...statements: object[]): Promise<void> => {
    made += 1;
    const name = `given-${made}`;
    const document = { Version: "1", Statement: statements };
    await ask(CREATE, { input: { account: HOME.account, name, document } });
    await ask(ATTACH, { input: { policy: `acs:ram::${HOME.account}:policy/${name}`, principal: holder } });
  };
  const asker = async (...statements: object[]): Promise<Asker> => {
    made += 1;
    await ask(CREATE_USER, { input: { account: HOME.account, name: `asker${made}` } });
    const arn = `acs:ram::${HOME.account}:user/asker${made}`;
    if (statements.length > 0) await give(arn, ...statements);
    return { arn, caller: principal(arn) };
  };
  return { give, asker };
}
