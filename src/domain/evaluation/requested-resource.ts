import { type Arn, parseArn } from "../arn.js";
import { KeyedValues } from "../condition/request-value.js";
import { isContainer, isTaggable, kmsResourceType, type ResourceType } from "../resource.js";
import type { ResourceFacts } from "./access-request.js";
import { ResourceTarget } from "./evaluation-request.js";
import { type PolicyClass, trustClass } from "./policy-class.js";

const NO_TAGS = new KeyedValues(new Map());

/** A resource, prepared for any number of questions. */
export class RequestedResource {
  /** Known to the gateway, and so asked about again and again: what follows from it is worth keeping. */
  readonly registered: boolean;
  readonly arn: Arn;
  /** The account that owns it; null when the ARN does not state one. */
  readonly owner: string | null;
  readonly resourceGroup: string | null;
  readonly trust: PolicyClass | null;
  private readonly tags: KeyedValues;
  private knownType: ResourceType | null | undefined;
  private readonly named: ResourceTarget | null;
  private nameless: ResourceTarget | null = null;

  constructor(facts: ResourceFacts) {
    this.registered = facts.registered;
    this.arn = parseArn(facts.arn);
    const { text, account } = this.arn;
    const first = account.charCodeAt(0);
    this.owner = first >= 48 && first <= 57 ? account : null;
    this.resourceGroup = facts.registered ? facts.resourceGroup : null;
    this.trust = facts.registered && facts.trustPolicy !== null ? trustClass(facts.trustPolicy) : null;
    this.tags = knownTags(facts, this);
    this.named = text === "*" ? null : ResourceTarget.named(this.arn);
  }

  /** Null for resources of other services. */
  get type(): ResourceType | null {
    if (this.knownType === undefined) this.knownType = kmsResourceType(this.arn);
    return this.knownType;
  }

  /** It would have to be registered to be known, and is not; containers and `*` need not. */
  get unregistered(): boolean {
    return !this.registered && !(this.type !== null && needsNoRegistration(this.type));
  }

  /** What statements about actions of `service` are matched with. */
  targetFor(service: string): ResourceTarget {
    if (this.named !== null) return this.named;
    if (this.nameless?.owner.service !== service) this.nameless = ResourceTarget.nameless(this.arn, service);
    return this.nameless;
  }

  /** Null for resources of other services, and for `*` when the action is another service's. */
  tagsFor(target: ResourceTarget): KeyedValues | null {
    return target.owner.service === "kms" ? this.tags : null;
  }
}

const RESOURCES = new WeakMap<ResourceFacts, RequestedResource>();

/**
 * Facts never change, so what is derived from them is kept as long as they are; there is little to keep of a resource
 * that nobody knows.
 * @throws InvalidInputError for a malformed ARN
 */
export function requestedResourceOf(facts: ResourceFacts): RequestedResource {
  if (!facts.registered) return new RequestedResource(facts);
  const known = RESOURCES.get(facts);
  if (known !== undefined) return known;
  const resource = new RequestedResource(facts);
  RESOURCES.set(facts, resource);
  return resource;
}

function needsNoRegistration(type: ResourceType): boolean {
  return type === "NONE" || isContainer(type);
}

/** Only registered keys and secrets carry tags; aliases and containers have none (D7). */
function knownTags({ registered, tags }: ResourceFacts, resource: RequestedResource): KeyedValues {
  if (!registered || tags.size === 0) return NO_TAGS;
  const { type } = resource;
  return type !== null && isTaggable(type) ? new KeyedValues(tags) : NO_TAGS;
}
