import type { Arn, ArnOwner } from "../arn.js";
import { KeyedValues, RequestValue } from "../condition/request-value.js";
import { InvalidInputError } from "../errors.js";
import { HARD_LIMITS } from "../limits.js";
import type { ResourceType } from "../resource.js";
import { foldCase } from "../wildcard.js";
import type { RequestContext } from "./request-context.js";

const RAM_ENTITY = /^(?:user|group|role|assumed-role)\//;

/** The requested resource, prepared for matching under both leanings. */
export class ResourceTarget {
  readonly arn: Arn;
  /** True for the request `*`, which names no resource (C4). */
  readonly nameless: boolean;
  readonly owner: ArnOwner;
  readonly relativeId: string;
  /** For RAM entities: the relative id with the entity's name folded, since names ignore case (D6); else null. */
  readonly nameFolded: string | null;
  private folded: string | null = null;

  private constructor(arn: Arn, owner: ArnOwner, relativeId: string) {
    const { service } = owner;
    const isEntity = (service === "ram" || service === "sts") && RAM_ENTITY.test(relativeId);
    this.arn = arn;
    this.nameless = arn.owner !== owner;
    this.owner = owner;
    this.relativeId = relativeId;
    this.nameFolded = isEntity ? foldEntityName(relativeId) : null;
  }

  /** The resource that `arn` names. */
  static named(arn: Arn): ResourceTarget {
    return new ResourceTarget(arn, arn.owner, arn.relativeId);
  }

  /** C4: a Deny also reaches `*` through patterns that match `acs:<service of the action>:*:*:*`. */
  static nameless(arn: Arn, service: string): ResourceTarget {
    return new ResourceTarget(arn, { partition: "acs", service, region: "*", account: "*" }, "*");
  }

  get foldedId(): string {
    if (this.arn.isFolded) return this.relativeId;
    this.folded ??= foldCase(this.relativeId);
    return this.folded;
  }

  /** Folded text of the whole ARN. */
  get foldedText(): string {
    const { partition, service, region, account } = this.owner;
    return `${partition}:${service}:${foldCase(region)}:${account}:${this.foldedId}`;
  }
}

/** Folds the name in `<type>/<name>[/<session>]`; everything when there is no `/` (a pattern such as `*Admin`). */
export function foldEntityName(relativeId: string): string {
  const [type = "", name, ...rest] = relativeId.split("/");
  return name === undefined ? foldCase(relativeId) : [type, foldCase(name), ...rest].join("/");
}

/** Who asks, as trust policies and `acs:PrincipalARN` see them. */
export interface Caller {
  readonly account: string;
  /** User or group ARN; the role's ARN for a role and its sessions (C8). */
  readonly conditionArn: readonly RequestValue[];
  /** Every ARN a trust policy may name this caller by. */
  readonly names: readonly ResourceTarget[];
}

/** Tells what kind of KMS resource is asked about; null for resources of other services. */
export interface RequestedType {
  readonly type: ResourceType | null;
}

/** What a request consists of besides its action. */
export interface RequestParts {
  readonly target: ResourceTarget;
  readonly resource: RequestedType;
  readonly caller: Caller;
  /** Tags as the model knows them; null for resources of other services, about whose tags only the caller knows. */
  readonly tags: KeyedValues | null;
  readonly context: RequestContext;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** All that statements are matched against. Nothing in it changes during a decision, but what has been worked out. */
export class EvaluationRequest {
  private readonly parts: RequestParts;
  private readonly action: string;
  /** The request that this one is a variant of, which accounts for all of them. */
  private readonly origin: EvaluationRequest | null;
  private keyed: KeyedValues | null = null;
  private instant: readonly RequestValue[] | null = null;
  private left: number = HARD_LIMITS.evaluationWork;

  /** @param action the requested action, or any of them while only statements are matched that do not look at it */
  constructor(parts: RequestParts, action: string, origin: EvaluationRequest | null = null) {
    this.parts = parts;
    this.action = action;
    this.origin = origin;
  }

  /** The same request with another action. */
  withAction(action: string): EvaluationRequest {
    return new EvaluationRequest(this.parts, action, this.origin ?? this);
  }

  /** The same request with a budget of work of its own. */
  anew(): EvaluationRequest {
    const request = new EvaluationRequest(this.parts, this.action);
    request.keyed = this.context;
    request.instant = this.currentTime;
    return request;
  }

  get target(): ResourceTarget {
    return this.parts.target;
  }

  get resource(): RequestedType {
    return this.parts.resource;
  }

  get caller(): Caller {
    return this.parts.caller;
  }

  get tags(): KeyedValues | null {
    return this.parts.tags;
  }

  get now(): number {
    return this.parts.now;
  }

  get context(): KeyedValues {
    const origin = this.origin ?? this;
    origin.keyed ??= new KeyedValues(this.parts.context);
    return origin.keyed;
  }

  get currentTime(): readonly RequestValue[] {
    this.instant ??= [RequestValue.at(this.now)];
    return this.instant;
  }

  get actionValue(): readonly RequestValue[] {
    return [new RequestValue(this.action)];
  }

  /** Leaves no more work than `units`, for what is not worth more. */
  limit(units: number): void {
    this.left = Math.min(this.left, units);
  }

  /** Accounts for work that only hostile policies make long. @throws InvalidInputError when it is too much */
  spend(units: number): void {
    const account = this.origin ?? this;
    account.left -= units;
    if (account.left >= 0) return;
    throw new InvalidInputError(
      "the request is too large for the policies in force: they compare too many patterns with too long values",
    );
  }
}
