import { type Arn, parseArn } from "../arn.js";
import { formatInstant } from "../condition/date.js";
import { parsePrincipalArn } from "../principal.js";
import { isTaggable, type KmsResourceName, parseKmsResource } from "../resource.js";
import { foldCase } from "../wildcard.js";
import type { AccessRequest, PrincipalFacts, ResourceFacts } from "./access-request.js";
import {
  type ArnSegments,
  type Caller,
  type EvaluationRequest,
  foldEntityName,
  type ResourceTarget,
} from "./evaluation-request.js";

const NO_TAGS: ReadonlyMap<string, string> = new Map();
const RAM_ENTITY = /^(?:user|group|role|assumed-role)\//;

/** Prepares what all actions of one question share. @throws InvalidInputError for a malformed ARN */
export function prepareRequest(request: Omit<AccessRequest, "action">): (action: string) => EvaluationRequest {
  const arn = parseArn(request.resource.arn);
  const resource = parseKmsResource(arn);
  const named = arn.text === "*" ? null : namedTarget(arn);
  const caller = describeCaller(request.principal);
  const tags = resource === null ? null : knownTags(resource, request.resource);
  const { context, now } = request;
  const nowText = formatInstant(now);
  return (action) => {
    const foldedAction = foldCase(action);
    const target = named ?? namelessTarget(arn, foldedAction);
    const ofKms = target.segments.service === "kms";
    return { action, foldedAction, target, resource, caller, tags: ofKms ? tags : null, context, now, nowText };
  };
}

/** Only registered keys and secrets carry tags; aliases and containers have none (D7). */
function knownTags(resource: KmsResourceName, facts: ResourceFacts): ReadonlyMap<string, string> {
  return isTaggable(resource.type) && facts.registered ? facts.tags : NO_TAGS;
}

function describeCaller(principal: PrincipalFacts): Caller {
  const name = parsePrincipalArn(principal.arn);
  const roleArn = name.kind === "ROLE_SESSION" ? `acs:ram::${name.account}:role/${name.name}` : null;
  const arns = roleArn === null ? [name.arn] : [name.arn, roleArn];
  return {
    account: name.account,
    conditionArn: roleArn ?? name.arn,
    names: arns.map((arn) => namedTarget(parseArn(arn))),
  };
}

function namedTarget(arn: Arn): ResourceTarget {
  const { service, region, account, relativeId } = arn;
  const segments = { partition: "acs", service, region, account, relativeId };
  const isEntity = (service === "ram" || service === "sts") && RAM_ENTITY.test(relativeId);
  return {
    arn,
    nameless: false,
    segments,
    folded: foldSegments(segments),
    foldedText: foldCase(arn.text),
    nameFolded: isEntity ? foldEntityName(relativeId) : null,
  };
}

/** C4: a Deny also reaches `*` through patterns that match `acs:<service of the action>:*:*:*`. */
function namelessTarget(arn: Arn, foldedAction: string): ResourceTarget {
  const service = foldedAction.slice(0, foldedAction.indexOf(":"));
  const segments = { partition: "acs", service, region: "*", account: "*", relativeId: "*" };
  const foldedText = `acs:${service}:*:*:*`;
  return { arn, nameless: true, segments, folded: segments, foldedText, nameFolded: null };
}

function foldSegments(segments: ArnSegments): ArnSegments {
  return {
    partition: segments.partition,
    service: segments.service,
    region: foldCase(segments.region),
    account: segments.account,
    relativeId: foldCase(segments.relativeId),
  };
}
