import type { Administration, ChangeRequest } from "../../src/administration/administration.js";
import type { Caller } from "../../src/domain/caller.js";
import { arn, request, type UseCase } from "./setup.js";

/** A principal that has signed in. */
export const as = (principalArn: string): Caller => ({
  ...{ kind: "PRINCIPAL", credentialId: "test", signedInBy: "OIDC_TOKEN", principalArn },
});

export const document = (...statements: object[]) => ({ Version: "1", Statement: statements });
export const allow = (Action: unknown, Resource: unknown = "*", Condition?: object) => ({
  ...{ Effect: "Allow", Action, Resource },
  ...(Condition && { Condition }),
});
export const deny = (Action: unknown, Resource: unknown = "*", Condition?: object) => ({
  ...allow(Action, Resource, Condition),
  Effect: "Deny",
});

type Change = <Input, Value>(
  useCase: UseCase<Input, Value>,
  input: Input,
  options?: Partial<ChangeRequest>,
) => ReturnType<UseCase<Input, Value>>;

/** Changes that principals ask for, and what they are allowed. */
export function principalsOf(context: { readonly administration: Administration }) {
  const by =
    (caller: Caller): Change =>
    (useCase, input, options) =>
      useCase(context.administration, input, request({ caller, ...options }));
  /** Sets the document of a policy, without a new version. */
  const write = async (name: string, ...statements: object[]): Promise<void> => {
    await context.administration.db.policyVersion.updateMany({
      where: { policy: { arn: arn.policy(name) }, isDefault: true },
      data: { document: JSON.stringify(document(...statements)) },
    });
  };
  return { by, write, permit: (...statements: object[]) => write("Ann", ...statements) };
}
