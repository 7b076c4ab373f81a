import type { Caller } from "../domain/caller.js";
import { Refusal, rateLimited, unavailable } from "./refusal.js";

/** How many streams a process has open at a time. */
export interface SubscriptionLimits {
  readonly subscriptions: number;
  readonly subscriptionsPerCredential: number;
}

/**
 * Takes a place for a subscription of a sender who takes a stream.
 *
 * @returns gives the place back
 * @throws Refusal where the sender takes none, or when there is no place
 */
export type TakePlace = (sender: Subscriber) => () => void;

interface Subscriber {
  readonly caller: Pick<Caller, "credentialId">;
  readonly takesEvents: boolean;
}

function unacceptable(): Refusal {
  return new Refusal("send `accept: text/event-stream`: a subscription is answered with a stream of events", {
    status: 406,
    code: "BAD_USER_INPUT",
  });
}

export function createPlaces({ subscriptions, subscriptionsPerCredential }: SubscriptionLimits): TakePlace {
  const taken = new Map<string, number>();
  let all = 0;
  return ({ caller: { credentialId: credential }, takesEvents }) => {
    if (!takesEvents) throw unacceptable();
    const own = taken.get(credential) ?? 0;
    if (own >= subscriptionsPerCredential) throw tooMany(subscriptionsPerCredential);
    if (all >= subscriptions) throw unavailable("the gateway has no place for one more subscription, retry later");
    taken.set(credential, own + 1);
    all += 1;
    return () => {
      const left = (taken.get(credential) ?? 0) - 1;
      if (left > 0) taken.set(credential, left);
      else taken.delete(credential);
      all -= 1;
    };
  };
}

function tooMany(limit: number): Refusal {
  return rateLimited(`more than ${limit} subscriptions of this credential at a time, end one first`, {
    ...{ exceeded: "subscriptions", limit },
    seconds: 1,
  });
}
