import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import type { KeyState, ScopePrecedence } from "../../src/domain/evaluation/access-request.js";
import type { Certainty, DecisionStage, DiagnosticCode, Outcome } from "../../src/domain/evaluation/decision.js";

/** The members of a case as `case.schema.json` describes them. */
export interface Case {
  readonly name: string;
  readonly shows: readonly string[];
  readonly principal?: string;
  readonly groups?: readonly string[];
  readonly policies?: readonly PolicyOfCase[];
  readonly session?: readonly Statement[];
  readonly sessionDocument?: unknown;
  readonly trust?: readonly Statement[];
  readonly resource?: string;
  readonly registered?: boolean;
  readonly tags?: Readonly<Record<string, string>>;
  readonly resourceGroup?: string;
  readonly encryptionKey?: string;
  readonly aliasOf?: string;
  readonly keyState?: KeyState;
  readonly others?: Readonly<Record<string, OtherResource>>;
  readonly action?: string;
  readonly operation?: string;
  readonly targets?: Targets;
  readonly context?: Context;
  readonly at?: "clock";
  readonly precedence?: ScopePrecedence;
  readonly expect: Expectation;
}

export type Statement = Readonly<Record<string, unknown>>;

export interface PolicyOfCase {
  readonly name?: string;
  readonly statements?: readonly Statement[];
  readonly document?: "missing";
  readonly formerly?: readonly Statement[];
  readonly attachedTo?: string;
  readonly resourceGroup?: string;
  readonly notBefore?: string;
  readonly expiresAt?: string;
}

export interface OtherResource {
  readonly tags?: Readonly<Record<string, string>>;
  readonly resourceGroup?: string;
  readonly encryptionKey?: string;
  readonly aliasOf?: string;
  readonly keyState?: KeyState;
}

export interface Targets {
  readonly key?: string;
  readonly oldKey?: string;
  readonly secret?: string;
  readonly secrets?: readonly string[];
  readonly alias?: string;
  readonly sourceKey?: string;
  readonly destinationKey?: string;
  readonly region?: string;
}

export interface Context {
  readonly currentTime?: string;
  readonly sourceIp?: string;
  readonly sourceVpc?: string;
  readonly vpcSourceIp?: string;
  readonly secureTransport?: boolean;
  readonly mfaPresent?: boolean;
  readonly entries?: Readonly<Record<string, readonly string[]>>;
}

export interface Expectation {
  readonly outcome?: Outcome;
  readonly decidedBy?: DecisionStage;
  readonly principal?: string;
  readonly matched?: readonly string[];
  readonly missingContextKeys?: readonly string[];
  readonly diagnostics?: readonly DiagnosticCode[];
  readonly certainty?: Certainty;
  readonly validUntil?: string | null;
  readonly legs?: Readonly<Record<string, Outcome>>;
  readonly usableNow?: boolean | null;
  readonly blockedByKeyState?: KeyState | null;
  readonly refused?: "BAD_USER_INPUT";
  readonly problems?: readonly string[];
}

const DIRECTORY = new URL("cases/", import.meta.url);

export interface CaseFile {
  readonly name: string;
  readonly content: { readonly about: string; readonly cases: readonly Case[] };
}

/** Every file of cases, in the order of their names. */
export function readCaseFiles(): CaseFile[] {
  const names = readdirSync(DIRECTORY).filter((name) => name.endsWith(".yaml"));
  return names.sort().map((name) => ({ name, content: parse(readFileSync(new URL(name, DIRECTORY), "utf8")) }));
}
