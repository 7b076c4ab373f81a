import type { CompiledPolicy, CompiledStatement } from "../policy/compile-policy.js";
import type { AttachedPolicy } from "./access-request.js";
import type { ActionSet } from "./action-set.js";
import type { AttachmentScope, MatchedStatement, PolicyReference, StatementSource } from "./decision.js";
import type { EvaluationRequest, ResourceTarget } from "./evaluation-request.js";

/** A policy inside a class, with the path it came by. */
export interface ClassMember {
  readonly source: StatementSource;
  /** Null when the document is not known: the policy may hold anything (D4). */
  readonly compiled: CompiledPolicy | null;
  readonly policy: PolicyReference | null;
  readonly version: string | null;
  readonly attachedTo: string | null;
  readonly scope: AttachmentScope | null;
}

/** A statement inside a class. */
export class ClassStatement {
  readonly member: ClassMember;
  /** Null: stands for whatever an unknown document may hold with this effect. */
  readonly statement: CompiledStatement | null;
  readonly effect: "Allow" | "Deny";
  /** Place in the class, so that what matched can be listed in the order of the policies. */
  readonly order: number;
  private certain: MatchedStatement | null = null;
  private open: MatchedStatement | null = null;

  constructor(member: ClassMember, statement: CompiledStatement | null, effect: "Allow" | "Deny", order: number) {
    this.member = member;
    this.statement = statement;
    this.effect = effect;
    this.order = order;
  }

  /** How the statement is listed in a decision. */
  matched(residual: boolean): MatchedStatement {
    if (residual) this.open ??= this.describe(true);
    else this.certain ??= this.describe(false);
    return (residual ? this.open : this.certain) ?? this.describe(residual);
  }

  private describe(residual: boolean): MatchedStatement {
    const { source, policy, version, attachedTo, scope } = this.member;
    const { index, sid } = this.statement ?? { index: 0, sid: null };
    return { source, effect: this.effect, index, sid, residual, policy, version, attachedTo, scope };
  }
}

/** The statements of a class that speak about some actions; those that look at the action itself once for each. */
export interface Selected {
  readonly statements: readonly ClassStatement[];
  /** For each statement the places of its actions in the action set. */
  readonly slots: readonly (readonly number[])[];
}

/** Places in a selection of the statements that could apply to a resource, in one or several lists, each place once. */
export type NearPlaces = readonly (readonly number[])[];

/** Policies whose statements are weighed as one set. Keeps what it selected for the actions that are asked for often. */
export class PolicyClass {
  readonly statements: readonly ClassStatement[];
  /** Bounds of all attachment windows of the class, those of inactive attachments included. */
  readonly bounds: readonly number[];
  private readonly selections = new Map<ActionSet, Selection>();

  constructor(members: readonly ClassMember[], bounds: readonly number[]) {
    this.statements = listStatements(members);
    this.bounds = bounds;
  }

  /** The statements that speak about some of the actions. */
  select(actions: ActionSet, request: EvaluationRequest): Selection {
    const known = this.selections.get(actions);
    if (known !== undefined) return known;
    const selection = new Selection(select(this.statements, actions, request));
    if (actions.recurring) this.selections.set(actions, selection);
    return selection;
  }
}

function listStatements(members: readonly ClassMember[]): ClassStatement[] {
  const statements: ClassStatement[] = [];
  for (const member of members) {
    if (member.compiled === null) {
      for (const effect of ["Allow", "Deny"] as const) {
        statements.push(new ClassStatement(member, null, effect, statements.length));
      }
    }
    for (const statement of member.compiled?.statements ?? []) {
      statements.push(new ClassStatement(member, statement, statement.effect, statements.length));
    }
  }
  return statements;
}

function select(statements: readonly ClassStatement[], actions: ActionSet, request: EvaluationRequest): Selected {
  const selected: ClassStatement[] = [];
  const slots: (readonly number[])[] = [];
  const add = (statement: ClassStatement, places: readonly number[]): void => {
    selected.push(statement);
    slots.push(places);
  };
  const every = actions.names.map((_, slot) => slot);
  for (const candidate of statements) {
    const places = candidate.statement === null ? every : slotsOf(candidate.statement, actions, request);
    if (places.length === 0) continue;
    if (candidate.statement?.readsAction) for (const slot of places) add(candidate, [slot]);
    else add(candidate, places);
  }
  return { statements: selected, slots };
}

const FIRST_SLOT: readonly number[] = [0];
const NO_SLOTS: readonly number[] = [];

function slotsOf(
  { actions: block }: CompiledStatement,
  actions: ActionSet,
  request: EvaluationRequest,
): readonly number[] {
  if (block.cost > 0) request.spend(block.cost * actions.length);
  if (actions.folded.length === 1) return block.matches(actions.folded[0] ?? "") ? FIRST_SLOT : NO_SLOTS;
  return actions.folded.flatMap((action, slot) => (block.matches(action) ? slot : []));
}

/** Below this many statements it costs less to try them all. */
const WORTH_AN_INDEX = 12;

/** Statements that speak about some actions, found by the resources they name once there are many. */
export class Selection implements Selected {
  readonly statements: readonly ClassStatement[];
  readonly slots: readonly (readonly number[])[];
  private readonly all: NearPlaces;
  private index: ResourceIndex | null = null;
  private uses = 0;

  constructor({ statements, slots }: Selected) {
    this.statements = statements;
    this.slots = slots;
    this.all = [statements.map((_, place) => place)];
  }

  /** All statements that could apply to the resource, and maybe some that do not. */
  near(target: ResourceTarget): NearPlaces {
    if (this.statements.length < WORTH_AN_INDEX || this.uses++ === 0) return this.all; // one use does not pay for an index
    this.index ??= new ResourceIndex(this.statements);
    return this.index.near(target.folded.relativeId);
  }
}

/** Finds statements by what the relative ids of their resources start with. */
class ResourceIndex {
  /** Those that have to be tried for every resource. */
  private readonly general: number[] = [];
  private readonly byPrefix = new Map<string, number[]>();
  /** Lengths of the prefixes, each once. */
  private readonly lengths: readonly number[];

  constructor(statements: readonly ClassStatement[]) {
    for (const [place, { statement }] of statements.entries()) {
      const prefixes = statement?.resources.prefixes ?? null;
      if (prefixes === null) this.general.push(place);
      else for (const prefix of prefixes) this.add(prefix, place);
    }
    this.lengths = [...new Set([...this.byPrefix.keys()].map(({ length }) => length))];
  }

  near(relativeId: string): NearPlaces {
    const near: number[][] = [this.general];
    for (const length of this.lengths) {
      const found = length > relativeId.length ? undefined : this.byPrefix.get(relativeId.slice(0, length));
      if (found !== undefined) near.push(found);
    }
    return near;
  }

  private add(prefix: string, place: number): void {
    const places = this.byPrefix.get(prefix);
    if (places === undefined) this.byPrefix.set(prefix, [place]);
    else places.push(place);
  }
}

/** The attachments of `attachments` that are active at `now` as one class. */
export function identityClass(attachments: readonly AttachedPolicy[], now: number): PolicyClass {
  const members: ClassMember[] = [];
  for (const attachment of attachments) if (isActive(attachment, now)) members.push(memberOf(attachment));
  return new PolicyClass(members, attachments.flatMap(boundsOf));
}

/** The policy of an attachment with the path it came by. */
export function memberOf({ policy, attachedTo, scope }: AttachedPolicy): ClassMember {
  const { compiled, reference } = policy;
  const version = compiled === null ? null : policy.version;
  return { source: "IDENTITY_POLICY", compiled, policy: reference, version, attachedTo, scope };
}

/** A class of one policy that is not attached to anybody: session or trust policy. */
export function singlePolicyClass(source: StatementSource, compiled: CompiledPolicy): PolicyClass {
  return new PolicyClass([{ source, compiled, policy: null, version: null, attachedTo: null, scope: null }], []);
}

/** True when `notBefore ≤ now < expiresAt` (C12). */
export function isActive({ notBefore, expiresAt }: AttachedPolicy, now: number): boolean {
  return (notBefore === null || notBefore <= now) && (expiresAt === null || now < expiresAt);
}

/** The ends of an attachment's window, milliseconds since the epoch. */
export function boundsOf({ notBefore, expiresAt }: AttachedPolicy): number[] {
  return [notBefore, expiresAt].filter((at) => at !== null);
}
