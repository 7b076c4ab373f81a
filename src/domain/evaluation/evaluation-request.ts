import type { Arn } from "../arn.js";
import { type KeyedValues, RequestValue } from "../condition/request-value.js";
import { InvalidInputError } from "../errors.js";
import { HARD_LIMITS } from "../limits.js";
import type { KmsResourceName } from "../resource.js";
import { foldCase } from "../wildcard.js";

export interface ArnSegments {
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly account: string;
  readonly relativeId: string;
}

const RAM_ENTITY = /^(?:user|group|role|assumed-role)\//;

/** The requested resource, prepared for matching under both leanings. */
export class ResourceTarget {
  readonly arn: Arn;
  /** True for the request `*`, which names no resource (C4). */
  readonly nameless: boolean;
  readonly segments: ArnSegments;
  /** For RAM entities: the relative id with the entity's name folded, since names ignore case (D6); else null. */
  readonly nameFolded: string | null;
  private foldedSegments: ArnSegments | null = null;

  constructor(arn: Arn, segments: ArnSegments, nameless: boolean) {
    const { service, relativeId } = segments;
    const isEntity = (service === "ram" || service === "sts") && RAM_ENTITY.test(relativeId);
    this.arn = arn;
    this.nameless = nameless;
    this.segments = segments;
    this.nameFolded = isEntity ? foldEntityName(relativeId) : null;
  }

  /** The resource that `arn` names. */
  static named(arn: Arn): ResourceTarget {
    const { service, region, account, relativeId } = arn;
    return new ResourceTarget(arn, { partition: "acs", service, region, account, relativeId }, false);
  }

  /** C4: a Deny also reaches `*` through patterns that match `acs:<service of the action>:*:*:*`. */
  static nameless(arn: Arn, service: string): ResourceTarget {
    return new ResourceTarget(arn, { partition: "acs", service, region: "*", account: "*", relativeId: "*" }, true);
  }

  get folded(): ArnSegments {
    this.foldedSegments ??= foldSegments(this.segments);
    return this.foldedSegments;
  }

  /** Folded text of the whole ARN. */
  get foldedText(): string {
    const { partition, service, region, account, relativeId } = this.folded;
    return `${partition}:${service}:${region}:${account}:${relativeId}`;
  }
}

function foldSegments({ partition, service, region, account, relativeId }: ArnSegments): ArnSegments {
  return { partition, service, region: foldCase(region), account, relativeId: foldCase(relativeId) };
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

/** What a request consists of besides its action. */
export interface RequestParts {
  readonly target: ResourceTarget;
  readonly resource: KmsResourceName | null;
  readonly caller: Caller;
  /** Tags as the model knows them; null for resources of other services, about whose tags only the caller knows. */
  readonly tags: KeyedValues | null;
  readonly context: KeyedValues;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** All that statements are matched against. Nothing in it changes during a decision, but what has been worked out. */
export class EvaluationRequest implements RequestParts {
  readonly target: ResourceTarget;
  readonly resource: KmsResourceName | null;
  readonly caller: Caller;
  readonly tags: KeyedValues | null;
  readonly context: KeyedValues;
  readonly now: number;
  private readonly work: WorkBudget;
  private readonly action: string;
  private instant: readonly RequestValue[] | null = null;

  /** @param action the requested action, or any of them while only statements are matched that do not look at it */
  constructor(parts: RequestParts, action: string, work: WorkBudget = new WorkBudget()) {
    this.target = parts.target;
    this.resource = parts.resource;
    this.caller = parts.caller;
    this.tags = parts.tags;
    this.context = parts.context;
    this.now = parts.now;
    this.action = action;
    this.work = work;
  }

  /** The same request with another action. */
  withAction(action: string): EvaluationRequest {
    return new EvaluationRequest(this, action, this.work);
  }

  get currentTime(): readonly RequestValue[] {
    this.instant ??= [RequestValue.at(this.now)];
    return this.instant;
  }

  get actionValue(): readonly RequestValue[] {
    return [new RequestValue(this.action)];
  }

  /** Accounts for work that only hostile policies make long. @throws InvalidInputError when it is too much */
  spend(units: number): void {
    this.work.spend(units);
  }
}

/** Bounds the time one decision can take; its sum does not depend on the order of policies. */
export class WorkBudget {
  private left: number = HARD_LIMITS.evaluationWork;

  spend(units: number): void {
    this.left -= units;
    if (this.left >= 0) return;
    throw new InvalidInputError(
      "the request is too large for the policies in force: they compare too many patterns with too long values",
    );
  }
}
