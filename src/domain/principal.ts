import { excerpt } from "./arn.js";
import { InvalidInputError } from "./errors.js";
import { HARD_LIMITS } from "./limits.js";
import { foldCase } from "./wildcard.js";

export type PrincipalKind = "USER" | "GROUP" | "ROLE" | "ROLE_SESSION" | "ACCOUNT_OWNER";

/** A RAM identity, taken from its ARN. */
export interface PrincipalName {
  readonly kind: PrincipalKind;
  readonly account: string;
  /** Of the user, group or role, as given; of the role for a session; `root` for the account owner. */
  readonly name: string;
  /** Sessions only. */
  readonly sessionName: string | null;
  /** Canonical spelling (D25); the name's case as given, but the role of a session in lower case. */
  readonly arn: string;
  /** Equal for all spellings of one identity: names in lower case, but a session's own name as given (it is case-sensitive). */
  readonly arnKey: string;
  /** Roles and sessions: `arnKey` of the role. */
  readonly roleArnKey: string | null;
}

const ENTITY = /^acs:ram:\*?:(\d{1,32}):(user|group|role)\/([^/]{1,128})$/u;
const OWNER = /^acs:ram:\*?:(\d{1,32}):root$/u;
const SESSIONS = [
  /^acs:(?:ram|sts):\*?:(\d{1,32}):assumed-role\/([^/]{1,128})\/([A-Za-z0-9.@_-]{1,64})$/u,
  /^acs:ram:\*?:(\d{1,32}):role\/([^/]{1,128})\/([A-Za-z0-9.@_-]{1,64})$/u,
  /^arn:sts:\*?:(\d{1,32}):assumed-role\/([^/]{1,128})\/([A-Za-z0-9.@_-]{1,64})$/u,
];
const FORBIDDEN_CHARACTER = /[\s:*?\p{Cc}\p{Cf}\p{Cs}]/u;
const ENTITY_KINDS = { user: "USER", group: "GROUP", role: "ROLE" } as const;

/**
 * Reads the ARN of a user, group, role, role session (every spelling of D25) or account owner (`…:root`).
 * @throws InvalidInputError when `text` names none of them
 */
export function parsePrincipalArn(text: string): PrincipalName {
  const name = text.length > HARD_LIMITS.arnLength ? null : (entityOf(text) ?? ownerOf(text) ?? sessionOf(text));
  if (name === null || FORBIDDEN_CHARACTER.test(name.name)) {
    throw new InvalidInputError(
      `\`${excerpt(text)}\` is not a valid arn of a principal: it needs the form \`acs:ram::<account>:user/<name>\`, ` +
        "`…:group/<name>`, `…:role/<name>`, `…:assumed-role/<role>/<session>` or `…:root`",
    );
  }
  return name;
}

function entityOf(text: string): PrincipalName | null {
  const [, account, type, name] = ENTITY.exec(text) ?? [];
  if (account === undefined || type === undefined || name === undefined) return null;
  const kind = ENTITY_KINDS[type as keyof typeof ENTITY_KINDS];
  const arn = `acs:ram::${account}:${type}/${name}`;
  const arnKey = foldCase(arn);
  return { kind, account, name, sessionName: null, arn, arnKey, roleArnKey: kind === "ROLE" ? arnKey : null };
}

function ownerOf(text: string): PrincipalName | null {
  const [, account] = OWNER.exec(text) ?? [];
  if (account === undefined) return null;
  const arn = `acs:ram::${account}:root`;
  return { kind: "ACCOUNT_OWNER", account, name: "root", sessionName: null, arn, arnKey: arn, roleArnKey: null };
}

function sessionOf(text: string): PrincipalName | null {
  for (const spelling of SESSIONS) {
    const [, account, name, sessionName] = spelling.exec(text) ?? [];
    if (account !== undefined && name !== undefined && sessionName !== undefined) {
      return sessionPrincipal(account, name, sessionName);
    }
  }
  return null;
}

/** A session is always named with its role in lower case, as STS does, so that it has one ARN only. */
function sessionPrincipal(account: string, name: string, sessionName: string): PrincipalName {
  const arn = `acs:ram::${account}:assumed-role/${foldCase(name)}/${sessionName}`;
  const roleArnKey = `acs:ram::${account}:role/${foldCase(name)}`;
  return { kind: "ROLE_SESSION", account, name, sessionName, arn, arnKey: arn, roleArnKey };
}
