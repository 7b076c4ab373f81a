import { GraphQLError } from "graphql";
import type { Plugin } from "graphql-yoga";
import type { GraphQLContext } from "../graphql/context.js";
import { Refusal, rateLimited, unavailable } from "./refusal.js";

/** How many streams a process has open at a time. */
export interface SubscriptionLimits {
  readonly subscriptions: number;
  readonly subscriptionsPerCredential: number;
}

/**
 * Lets a subscription begin for a sender who takes a stream, and as long as there are places; its place is free when the
 * sender has gone. Runs after what limits its document.
 */
export function useSubscriptions(limits: SubscriptionLimits): Plugin<GraphQLContext> {
  const enter = createPlaces(limits);
  return {
    onSubscribe({ args, setResultAndStopExecution }) {
      const { caller, presence, request } = args.contextValue;
      try {
        if (!TAKES_EVENTS.test(request.headers.get("accept") ?? "")) throw unacceptable();
        const leave = enter(caller?.credentialId ?? "");
        presence.gone.addEventListener("abort", leave, { once: true });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        setResultAndStopExecution({ errors: [refused(error)] });
      }
    },
  };
}

const TAKES_EVENTS = /(^|[\s,])text\/event-stream($|[\s,;])/i;

function unacceptable(): Refusal {
  return new Refusal("send `accept: text/event-stream`: a subscription is answered with a stream of events", {
    status: 406,
    code: "BAD_USER_INPUT",
  });
}

function createPlaces({ subscriptions, subscriptionsPerCredential }: SubscriptionLimits) {
  const taken = new Map<string, number>();
  let all = 0;
  /** @throws Refusal when there is no place */
  return (credential: string): (() => void) => {
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

function refused({ message, code, status, headers, extensions }: Refusal): GraphQLError {
  return new GraphQLError(message, { extensions: { code, ...extensions, http: { status, headers } } });
}
