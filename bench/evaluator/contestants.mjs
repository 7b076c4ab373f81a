/** Everything that `bench/evaluator` measures, by name: what is called, over and over, with which items. */
import { decideActions } from "../../dist/domain/evaluation/decide.js";
import { permissionActions } from "../../dist/domain/evaluation/effective-permissions.js";
import { casbin, casl, caslWrittenOut, cedar, iamSimulate } from "./peers.mjs";
import {
  attachmentOf,
  compile,
  documentOf,
  factsOf,
  KEY_ACTIONS,
  makeQuestions,
  makeWorkload,
  NOW,
  principalOf,
} from "./workload.mjs";

const SAMPLE = Number(process.env.SAMPLE ?? 50); // users whose policies the peers load
const QUESTIONS = Number(process.env.QUESTIONS ?? 2_000);

export const workload = makeWorkload();
const users = workload.users.slice(0, SAMPLE);
export const questions = makeQuestions(workload, QUESTIONS, SAMPLE);
const keyQuestions = questions.filter(({ resource }) => resource.isKey);
const compiled = workload.policies.map((statements) => compile(documentOf(statements)));
const principals = new Map(
  workload.users.map((user) => {
    const arn = `acs:ram::1234567890123456:user/${user.name}`;
    const attachments = user.policies.map((index) => attachmentOf(`p${index}`, compiled[index], arn));
    return [user, principalOf(user.name, attachments)];
  }),
);
const facts = new Map(workload.resources.map((resource) => [resource, factsOf(resource)]));
const unknown = new Map(workload.resources.map((resource) => [resource, factsOf(resource, false)]));
const keyActions = permissionActions(keyQuestions[0].resource.arn);
export const KEY_ACTION_COUNT = keyActions.length;

/** A question as ramgate takes it. Nothing is kept of a resource that is not registered. */
const asked =
  (known) =>
  ({ user, resource, action, sourceIp }) => ({
    principal: principals.get(user),
    resource: known.get(resource),
    context: new Map([["acs:sourceip", [sourceIp]]]),
    now: NOW,
    sessionPolicy: null,
    actions: [`kms:${action}`],
  });

const decided = (detail, all) => (request) =>
  decideActions(request, all ?? request.actions, { scopePrecedence: "staged", detail });
const registered = questions.map(asked(facts));
const arbitrary = questions.map(asked(unknown));
const registeredKeys = keyQuestions.map(asked(facts));

/** Nothing has been kept of the resource of any question, though it is registered: its facts are new each time. */
const asFirst = (request) => decided("OUTCOME")({ ...request, resource: { ...request.resource } });

/** What peers are compared with. */
export const answers = registered.map((request) => decided("OUTCOME")(request)[0].outcome === "ALLOW");

export const CLOSED_LIST = "@casl/ability, closed list of actions";
export const PEERS = {
  "@casl/ability": () => casl(workload, users),
  [CLOSED_LIST]: () => caslWrittenOut(workload, users),
  casbin: () => casbin(workload, users),
  "cedar-wasm": () => cedar(workload, users),
  "iam-simulate": () => iamSimulate(workload, users),
};

const shapes = {
  "other actions": (n) => ({ actions: [n === 0 ? "Decrypt" : `Other${n}`], resource: "*" }),
  "other resources": (n) => ({ actions: ["Decrypt"], resource: `key/key-${n}` }),
  "same action, everything": () => ({ actions: ["Decrypt"], resource: "*" }),
};
export const SHAPES = Object.keys(shapes);
export const SIZES = [10, 100, 1_000];

/** One principal with `size` statements, ten to a policy; about a resource of which nothing is kept. */
function curve(shape, size) {
  const statement = (n) => ({ effect: "Allow", condition: null, ...shapes[shape](n) });
  const attachments = Array.from({ length: size / 10 }, (_, policy) => {
    const document = documentOf(Array.from({ length: 10 }, (_, index) => statement(policy * 10 + index)));
    return attachmentOf(`c${policy}`, compile(document), "acs:ram::1:user/c");
  });
  const resource = unknown.get(workload.resources[0]);
  const request = {
    principal: principalOf("curve", attachments),
    resource,
    context: new Map(),
    now: NOW,
    sessionPolicy: null,
  };
  return () => decideActions(request, ["kms:Decrypt"], { scopePrecedence: "staged", detail: "OUTCOME" });
}

const text = JSON.stringify(documentOf(workload.policies[0]));

const CONTESTANTS = {
  "ramgate, registered resource": async () => ({ call: decided("OUTCOME"), items: registered }),
  "ramgate, registered, first question": async () => ({ call: asFirst, items: registered }),
  "ramgate, arbitrary ARN": async () => ({ call: decided("OUTCOME"), items: arbitrary }),
  "ramgate, registered, with reasons": async () => ({ call: decided("REASONS"), items: registered }),
  "ramgate, arbitrary ARN, with reasons": async () => ({ call: decided("REASONS"), items: arbitrary }),
  "ramgate, all actions": async () => ({ call: decided("OUTCOME", keyActions), items: registeredKeys }),
  "ramgate, all actions, with reasons": async () => ({ call: decided("REASONS", keyActions), items: registeredKeys }),
  "@casl/ability, all actions": async () => {
    const { prepare, call } = PEERS["@casl/ability"]();
    const items = keyQuestions.map((item) => KEY_ACTIONS.map((action) => prepare({ ...item, action })));
    return { call: (requests) => requests.filter(call).length, items };
  },
  "parse and compile": async () => ({ call: () => compile(text), items: [0] }),
  ...Object.fromEntries(
    Object.entries(PEERS).map(([name, build]) => [
      name,
      async () => {
        const { prepare, call } = await build();
        return { call, items: questions.map(prepare) };
      },
    ]),
  ),
  ...Object.fromEntries(
    SHAPES.flatMap((shape) =>
      SIZES.map((size) => [`${shape} ${size}`, async () => ({ call: curve(shape, size), items: [0] })]),
    ),
  ),
};

export function contestant(name) {
  return CONTESTANTS[name]();
}
