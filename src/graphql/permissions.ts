import DataLoader from "dataloader";
import type { Answer, Question } from "../decisions/decide-many.js";
import { parseArn } from "../domain/arn.js";
import { ForbiddenError, InvalidInputError, NotFoundError } from "../domain/errors.js";
import type { Outcome } from "../domain/evaluation/decision.js";
import type { GatewayAction } from "../domain/gateway-actions.js";
import { type PrincipalName, parsePrincipalArn } from "../domain/principal.js";
import { findOwnRecords, type OwnRecords } from "../store/own-records.js";
import type { Database } from "../store/prisma-client.js";
import { storedKeyOf } from "../store/revisions.js";

/** What answers questions, or what stands in its place. */
export interface DecisionPoint {
  decideMany(questions: readonly Question[]): Promise<readonly (Answer | Error)[]>;
}

interface Sources {
  readonly db: Database;
  readonly decisions: DecisionPoint;
}

interface Permission {
  readonly action: GatewayAction;
  /** What the action is asked on. */
  readonly arn: string;
}

/** The same for what is foreign, for what does not exist and for what may not be read. */
export function refusal(action: GatewayAction): ForbiddenError {
  return new ForbiddenError(`you need \`${action}\` for this`);
}

/**
 * What a principal that has sent a request may do here, as RAM policies say: decided like any other question, without
 * context but the time. Operators have none of this: they may do everything.
 */
export class Permissions {
  readonly self: PrincipalName;
  private readonly sources: Sources;
  private readonly outcomes: DataLoader<Permission, Outcome, string>;
  private found: Promise<OwnRecords> | null = null;
  private shown = new WeakSet<object>();

  constructor(principalArn: string, sources: Sources) {
    this.self = parsePrincipalArn(principalArn);
    this.sources = sources;
    const decide = (asked: readonly Permission[]) => this.decide(asked);
    this.outcomes = new DataLoader(decide, { cacheKeyFn: ({ action, arn }) => `${action} ${arn}` });
  }

  get account(): string {
    return this.self.account;
  }

  /** The caller itself, or the role whose session it is. */
  isSelf(arnKey: string): boolean {
    return arnKey === this.self.arnKey || arnKey === this.self.roleArnKey;
  }

  /** An ALLOW on any of the ARNs is enough, as long as none is denied. */
  async allows(action: GatewayAction, arns: readonly string[]): Promise<boolean> {
    const outcomes = await this.outcomesOn(action, arns);
    return outcomes.includes("ALLOW") && !outcomes.includes("EXPLICIT_DENY");
  }

  async denies(action: GatewayAction, arns: readonly string[]): Promise<boolean> {
    return (await this.outcomesOn(action, arns)).includes("EXPLICIT_DENY");
  }

  /**
   * Anybody may ask what it may do itself. About others it takes `ramgate:EvaluateAccess` on the principal, or on all
   * that is asked about; a Deny on either counts.
   *
   * @throws ForbiddenError before anything is looked up about the principal, InvalidInputError for a malformed ARN
   */
  async requireEvaluation(principal: string, resources: readonly string[]): Promise<void> {
    if (!(await this.mayEvaluate(principal, resources))) throw refusal("ramgate:EvaluateAccess");
  }

  /** What {@link requireEvaluation} requires. @throws InvalidInputError for a malformed ARN */
  async mayEvaluate(principal: string, resources: readonly string[]): Promise<boolean> {
    const name = parsePrincipalArn(principal);
    if (this.isSelf(name.arnKey)) return true;
    const targets = resources.map((resource) => parseArn(resource).text);
    if (name.account !== this.account) return false;
    const [onPrincipal, onTargets] = await Promise.all(
      [arnsOf(name), targets].map((arns) => this.outcomesOn("ramgate:EvaluateAccess", arns)),
    );
    const denied = [onPrincipal, onTargets].some((outcomes) => outcomes?.includes("EXPLICIT_DENY"));
    const allowed =
      onPrincipal?.includes("ALLOW") || (targets.length > 0 && onTargets?.every((each) => each === "ALLOW"));
    return !denied && allowed === true;
  }

  /**
   * About everybody of its own account one may ask with `ramgate:EvaluateAccess` on the resource.
   *
   * @param account whose principals are asked about, where the question says so
   * @throws ForbiddenError before anything is looked up, InvalidInputError for a malformed ARN
   */
  async requireEvaluationByAll(resource: string, account: unknown): Promise<void> {
    const { text } = parseArn(resource);
    const foreign = isElsewhere(text, this.account) || (account ?? this.account) !== this.account;
    if (foreign || !(await this.allows("ramgate:EvaluateAccess", [text]))) throw refusal("ramgate:EvaluateAccess");
  }

  /**
   * What a question about another principal has led to needs no Allow of its own, but a Deny counts.
   *
   * @throws ForbiddenError
   */
  async refuseDeniedEvaluation(principal: string, derived: readonly string[]): Promise<void> {
    if (this.isSelf(parsePrincipalArn(principal).arnKey)) return;
    if (await this.denies("ramgate:EvaluateAccess", derived)) throw refusal("ramgate:EvaluateAccess");
  }

  /** What the caller holds: looked up once, and only when somebody asks. */
  own(): Promise<OwnRecords> {
    this.found ??= findOwnRecords(this.sources.db, storedKeyOf(this.self));
    return this.found;
  }

  /** Records that need no further check in this request. */
  show(row: object): void {
    this.shown.add(row);
  }

  isShown(row: object): boolean {
    return this.shown.has(row);
  }

  clear(): void {
    this.outcomes.clearAll();
    this.found = null;
    this.shown = new WeakSet();
  }

  private outcomesOn(action: GatewayAction, arns: readonly string[]): Promise<Outcome[]> {
    return Promise.all(arns.map((arn) => this.outcomes.load({ action, arn })));
  }

  /** The caller may be gone by now, and its policies may be too much work for a decision: neither allows anything. */
  private async decide(asked: readonly Permission[]): Promise<(Outcome | Error)[]> {
    const answers = await this.sources.decisions.decideMany(asked.map((permission) => this.questionOf(permission)));
    return answers.map((answer) => {
      if (answer instanceof NotFoundError || answer instanceof InvalidInputError) return "IMPLICIT_DENY";
      return answer instanceof Error ? answer : (answer.decisions[0]?.outcome ?? "IMPLICIT_DENY");
    });
  }

  private questionOf({ action, arn }: Permission): Question {
    const { arn: principal, account } = this.self;
    const asStranger = !arn.startsWith("acs:kms:") || isElsewhere(arn, account); // of others there is nothing to know
    return { principal, resource: arn, actions: [action], detail: "OUTCOME", asStranger };
  }
}

/** A session may be named, or its role: what is given on the role counts for its sessions. */
export function arnsOf({ kind, arn, account, name }: PrincipalName): readonly string[] {
  return kind === "ROLE_SESSION" ? [arn, `acs:ram::${account}:role/${name}`] : [arn];
}

/** Whether an ARN states an account, and it is another one. */
export function isElsewhere(arn: string, account: string): boolean {
  const [, , , stated = ""] = arn.split(":", 4);
  return /^\d+$/.test(stated) && stated !== account;
}
