import { RAM_LIMITS } from "../../domain/limits.js";
import { ofProject, personOf, roleName } from "./names.js";
import { type Random, randomOf } from "./random.js";
import type { AccountShape } from "./sizes.js";
import { type Author, keyArn, type WrittenStatement, writeStatement } from "./statements.js";

export interface WrittenDocument {
  readonly Version: "1";
  readonly Statement: readonly WrittenStatement[];
}

/** Characters of a document without statements, and of the comma between two. */
const FRAME = JSON.stringify({ Version: "1", Statement: [] }).length;
const COMMA = 1;
/** More than any statement has that is written here, so that none is too long for what is left. */
const LONGEST_STATEMENT = 900;

/** The document of a version of a policy. */
export function policyDocument(shape: AccountShape, policy: number, version: number): WrittenDocument {
  const random = randomOf(shape.seed, shape.id, "document", policy, version);
  const author = { shape, project: policy % shape.projects, random };
  const Statement = shape.longDocuments ? longStatements(author) : shortStatements(author);
  return { Version: "1", Statement };
}

function shortStatements(author: Author): WrittenStatement[] {
  return Array.from({ length: author.random.within([1, 4]) }, () => writeStatement(author));
}

/** Statements until there is room for none, then one with a list of keys that takes nearly all that is left. */
function longStatements(author: Author): WrittenStatement[] {
  const statements: WrittenStatement[] = [];
  let left = RAM_LIMITS.customPolicyCharacters - FRAME;
  while (left > LONGEST_STATEMENT) {
    const statement = writeStatement(author);
    statements.push(statement);
    left -= JSON.stringify(statement).length + COMMA;
  }
  return [...statements, listOfKeys(author, left)];
}

function listOfKeys(author: Author, room: number): WrittenStatement {
  const statement = { Sid: "Inventory", Effect: "Allow", Action: ["kms:DescribeKey", "kms:ListResourceTags"] };
  const Resource: string[] = [];
  let left = room - JSON.stringify({ ...statement, Resource }).length;
  for (let arn = keyArn(author); arn.length + 3 <= left; arn = keyArn(author)) {
    Resource.push(arn);
    left -= arn.length + 3; // its quotes and comma
  }
  return { ...statement, Resource };
}

/** Who may assume a role: its account, people of its project, another role, a service, an identity provider. */
export function trustDocument(shape: AccountShape, role: number, service: string | null): WrittenDocument {
  const random = randomOf(shape.seed, shape.id, "trust", role);
  const Principal = service === null ? trusted(shape, role, random) : { Service: [service] };
  const office = service === null && random.chance(0.2) ? { IpAddress: { "acs:SourceIp": ["10.0.0.0/8"] } } : null;
  const statement = { Effect: "Allow", Action: "sts:AssumeRole", Principal };
  return { Version: "1", Statement: [office === null ? statement : { ...statement, Condition: office }] };
}

function trusted(shape: AccountShape, role: number, random: Random): object {
  const ram = `acs:ram::${shape.id}`;
  const user = () => `${ram}:user/${personOf(shape, ofProject(shape, role, shape.users, random)).name}`;
  if (random.chance(0.5)) return { RAM: [`${ram}:root`] };
  if (random.chance(0.5)) return { RAM: [...new Set([user(), user()])] };
  if (random.chance(0.5)) return { RAM: [`${ram}:role/${roleName(shape, random.below(shape.roles))}`] };
  return { Federated: [`${ram}:saml-provider/company`] };
}
