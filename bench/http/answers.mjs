/** What both servers answered, in one form, and whether it is the same. */
import { isDeepStrictEqual } from "node:util";

/** @returns whether each action of each check is allowed, in the order in which they were asked */
export function gatewayAllows({ allowed }, response) {
  if (response.errors) throw new Error(`the gateway answered ${JSON.stringify(response.errors)}`);
  return allowed(response.data);
}

export function cerbosAllows({ checks }, { results }) {
  return checks.flatMap(({ key, actions }, place) => {
    const result = results[place];
    if (result.resource.id !== key.arn) throw new Error(`cerbos answered about \`${result.resource.id}\``);
    return actions.map((action) => result.actions[action] === "EFFECT_ALLOW");
  });
}

/** @throws Error that names the first check of the question about which the servers disagree */
export function requireEqual(question, gateway, cerbos) {
  if (isDeepStrictEqual(gateway, cerbos)) return;
  const asked = question.checks.flatMap(({ key, actions }) => actions.map((action) => `${action} on ${key.arn}`));
  const place = asked.findIndex((_, index) => gateway[index] !== cerbos[index]);
  const what = `${question.user.arn}, ${asked[place]}, from ${question.sourceIp}`;
  throw new Error(`ramgate and cerbos disagree: ${what}: ${gateway[place]} and ${cerbos[place]}`);
}
