import { parseArn } from "../arn.js";
import type { PrincipalFacts, ResourceFacts } from "../evaluation/access-request.js";
import { GATEWAY_ACTIONS } from "../gateway-actions.js";
import { actionsOfType, KMS_ACTIONS } from "../kms/actions.js";
import { RAM_ACTIONS } from "../ram-actions.js";
import { kmsResourceType } from "../resource.js";
import { foldCase, hasWildcard } from "../wildcard.js";
import type { Grant, Receiver } from "./grant.js";

/** What is tried: actions on one resource. */
export interface Probe {
  readonly resource: ResourceFacts;
  readonly actions: readonly string[];
}

/** Stand-ins for what the policies name, beside what is registered. */
const MOST_STAND_INS = 2_000;
/** A name that is nobody's: a pattern that it fits is taken to be about anything there. */
const ANY_NAME = "ramgate-stand-in";
const ANY_ACTION = "RamgateStandIn";

/** Everything that is tried to find what a receiver gains: on what is registered the actions of its type, and on stand-ins. */
export function probesOf({ grantor, resources }: Pick<Grant, "grantor" | "resources">, receiver: Receiver): Probe[] {
  const parties = [receiver.after, receiver.before, grantor];
  const actions = namedActions(parties);
  const registered = resources.map((resource) => ({ resource, actions: registeredActions(resource, actions) }));
  const known = new Set(resources.map(({ arn }) => arn));
  const standIns = standInsFor(parties, grantor.account).filter((arn) => !known.has(arn));
  return [...registered, ...standIns.flatMap((arn) => probesOfStandIn(arn, actions))].filter(
    (probe) => probe.actions.length > 0,
  );
}

/** Also actions that KMS may get one day, where a policy is about them already. */
function registeredActions({ arn }: ResourceFacts, named: readonly string[]): readonly string[] {
  const type = kmsResourceType(parseArn(arn));
  const own = type === null ? [] : actionsOfType(type);
  const others = named.filter((action) => foldCase(action).startsWith("kms:"));
  return others.length === 0 ? own : [...own, ...others];
}

function probesOfStandIn(arn: string, named: readonly string[]): Probe[] {
  const { service } = parseArn(arn);
  const resource = unregistered(arn);
  const type = kmsResourceType(parseArn(arn));
  const own = arn === "*" ? actionsOfType("NONE") : type === null ? ownActions(service) : actionsOfType(type);
  const others = named.filter((action) => arn === "*" || foldCase(action).startsWith(`${foldCase(service)}:`));
  return [{ resource, actions: [...new Set([...own, ...others])] }];
}

/** Of RAM and of the gateway: both are about principals and policies. */
function ownActions(service: string): readonly string[] {
  const actions = [...RAM_ACTIONS, ...Object.keys(GATEWAY_ACTIONS)];
  return actions.filter((action) => service !== "kms" && (service === "ram" || action.startsWith(`${service}:`)));
}

function unregistered(arn: string): ResourceFacts {
  return {
    ...{ arn, registered: false, resourceGroup: null, tags: new Map(), keyState: null },
    ...{ encryptionKeyArn: null, aliasTargetArn: null, trustPolicy: null },
  };
}

/** Actions that are not in a catalogue, of which the policies say something. */
function namedActions(parties: readonly PrincipalFacts[]): string[] {
  const known = new Set([...KMS_ACTIONS.keys()].map(foldCase));
  const patterns = blocksOf(parties).flatMap(({ actions }) => [...actions.patterns, "*"]);
  const named = [...new Set(patterns)].map((pattern) => fill(pattern === "*" ? `kms:${pattern}` : pattern, ANY_ACTION));
  return [...new Set(named)].filter((action) => ACTION.test(action) && !known.has(foldCase(action)));
}

const ACTION = /^[A-Za-z0-9-]+:[A-Za-z0-9_.-]{1,128}$/;

/** ARNs in the account that the patterns are about, and the usual ones. */
function standInsFor(parties: readonly PrincipalFacts[], account: string): string[] {
  const patterns = blocksOf(parties).flatMap(({ resources }) => resources?.patterns ?? []);
  const named = patterns.map((pattern) => standInFor(pattern, account)).filter((arn) => arn !== null);
  return [...new Set([...usual(account), ...named])].slice(0, MOST_STAND_INS);
}

function usual(account: string): string[] {
  const kms = `acs:kms:cn-hangzhou:${account}`;
  const containers = ["key", "secret", "alias", "certificate"];
  return [
    "*",
    ...containers.flatMap((kind) => [`${kms}:${kind}`, `${kms}:${kind}/${ANY_NAME}`]),
    ...["user", "group", "role", "policy"].map((kind) => `acs:ram::${account}:${kind}/${ANY_NAME}`),
    ...[`acs:ram::${account}:*`, `acs:ram::${account}:root`, `acs:kms:*:${account}:*`],
    `acs:resourcemanager::${account}:resourcegroup/${ANY_NAME}`,
  ];
}

/** Null where a pattern names nothing in the account. */
function standInFor(pattern: string, account: string): string | null {
  const [partition, service, region, owner, ...relative] = pattern.split(":");
  if (owner === undefined || relative.length === 0) return null;
  const parts = [
    fill(partition ?? "", "acs"),
    fill(service ?? "", "kms"),
    hasWildcard(region ?? "") ? "cn-hangzhou" : region,
    hasWildcard(owner) ? account : owner,
    fill(relative.join(":"), ANY_NAME),
  ];
  const arn = parts.join(":");
  return isArn(arn) ? arn : null;
}

function isArn(text: string): boolean {
  try {
    parseArn(text);
    return true;
  } catch {
    return false;
  }
}

function fill(pattern: string, text: string): string {
  return pattern.replaceAll("*", text).replaceAll("?", "x");
}

function blocksOf(parties: readonly PrincipalFacts[]) {
  return parties.flatMap(({ attachments }) =>
    attachments.flatMap(({ policy }) => policy.compiled?.document.statements ?? []),
  );
}
