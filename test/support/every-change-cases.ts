import { ACCOUNT, APOLLO_KEY, alias, GEMINI_KEY, group, key, policy, role, secret, user } from "./demo.js";

const DOCUMENT = { Version: "1", Statement: [{ Effect: "Allow", Action: "kms:Decrypt", Resource: "*" }] };
const TRUST = {
  Version: "1",
  Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: ["ecs.aliyuncs.com"] } }],
};

export type Input = Readonly<Record<string, unknown>>;
export interface Case {
  /** Changes something in the account of the tests. */
  readonly valid: Input;
  /** The same with a target that is not there, and what it is told. */
  readonly missing: readonly (readonly [input: Input, code: string])[];
}

const ATTACHMENT = { policy: policy("Spare"), principal: user("spare") };
const ATTACHED = { policy: policy("QueryAndUseKeys"), principal: user("carol"), resourceGroup: "rg-gemini" };
const attachmentErrors = (wrap: (attachment: object) => Input): Case["missing"] => [
  [wrap({ ...ATTACHMENT, policy: policy("none") }), "ENTITY_NOT_EXIST_POLICY"],
  [wrap({ ...ATTACHMENT, policy: "acs:ram::system:policy/None" }), "ENTITY_NOT_EXIST_POLICY"],
  [wrap({ ...ATTACHMENT, principal: user("none") }), "ENTITY_NOT_EXIST_USER"],
  [wrap({ ...ATTACHMENT, principal: group("none") }), "ENTITY_NOT_EXIST_GROUP"],
  [wrap({ ...ATTACHMENT, principal: role("none") }), "ENTITY_NOT_EXIST_ROLE"],
  [wrap({ ...ATTACHMENT, resourceGroup: "rg-none" }), "ENTITY_NOT_EXIST_RESOURCE_GROUP"],
];
const ofNoAccount = (input: Input): Case["missing"] => [[{ ...input, account: "404" }, "ENTITY_NOT_EXIST_ACCOUNT"]];
const membershipErrors: Case["missing"] = [
  [{ user: user("none"), group: group("spare") }, "ENTITY_NOT_EXIST_USER"],
  [{ user: user("spare"), group: group("none") }, "ENTITY_NOT_EXIST_GROUP"],
];
const taggedErrors = (rest: object): Case["missing"] => [
  [{ resource: key("none"), ...rest }, "ENTITY_NOT_EXIST_KEY"],
  [{ resource: secret("none"), ...rest }, "ENTITY_NOT_EXIST_SECRET"],
  [{ resource: user("none"), ...rest }, "ENTITY_NOT_EXIST_USER"],
  [{ resource: role("none"), ...rest }, "ENTITY_NOT_EXIST_ROLE"],
];

/** Every mutation of the schema. */
export const CASES: Readonly<Record<string, Case>> = {
  addUserToGroup: { valid: { user: user("spare"), group: group("spare") }, missing: membershipErrors },
  assumeRole: {
    valid: { role: role("spare"), sessionName: "ci" },
    missing: [
      [{ role: role("none"), sessionName: "ci" }, "ENTITY_NOT_EXIST_ROLE"],
      [{ role: role("spare"), sessionName: "ci", onBehalfOf: user("none") }, "ENTITY_NOT_EXIST_USER"],
    ],
  },
  attachPolicies: {
    valid: { attachments: [ATTACHMENT] },
    missing: attachmentErrors((attachment) => ({ attachments: [attachment] })),
  },
  attachPolicy: { valid: ATTACHMENT, missing: attachmentErrors((attachment) => ({ ...attachment })) },
  createAccount: { valid: { account: "77" }, missing: [] },
  createApiKey: {
    valid: { principal: user("spare"), description: "ci" },
    missing: [
      [{ principal: user("none") }, "ENTITY_NOT_EXIST_USER"],
      [{ principal: role("none") }, "ENTITY_NOT_EXIST_ROLE"],
      [{ principal: "acs:ram::404:root" }, "ENTITY_NOT_EXIST_ACCOUNT"],
    ],
  },
  createGroup: { valid: { account: ACCOUNT, name: "new" }, missing: ofNoAccount({ name: "new" }) },
  createPolicy: {
    valid: { account: ACCOUNT, name: "New", document: DOCUMENT },
    missing: ofNoAccount({ name: "New", document: DOCUMENT }),
  },
  createPolicyVersion: {
    valid: { policy: policy("Spare"), document: DOCUMENT, setAsDefault: true },
    missing: [[{ policy: policy("none"), document: DOCUMENT }, "ENTITY_NOT_EXIST_POLICY"]],
  },
  createResourceGroup: { valid: { account: ACCOUNT, name: "new" }, missing: ofNoAccount({ name: "new" }) },
  createRole: {
    valid: { account: ACCOUNT, name: "new", trustPolicy: TRUST },
    missing: ofNoAccount({ name: "new", trustPolicy: TRUST }),
  },
  createUser: {
    valid: { account: ACCOUNT, name: "new", tags: [{ key: "a", value: "b" }] },
    missing: ofNoAccount({ name: "new" }),
  },
  deleteGroup: { valid: { group: group("spare") }, missing: [[{ group: group("none") }, "ENTITY_NOT_EXIST_GROUP"]] },
  deletePolicy: {
    valid: { policy: policy("Single") },
    missing: [[{ policy: policy("none") }, "ENTITY_NOT_EXIST_POLICY"]],
  },
  deletePolicyVersion: {
    valid: { policy: policy("Spare"), version: "v2" },
    missing: [
      [{ policy: policy("none"), version: "v1" }, "ENTITY_NOT_EXIST_POLICY"],
      [{ policy: policy("Spare"), version: "v9" }, "ENTITY_NOT_EXIST_POLICY_VERSION"],
    ],
  },
  deleteResourceGroup: {
    valid: { account: ACCOUNT, resourceGroup: "rg-spare" },
    missing: [
      [{ account: ACCOUNT, resourceGroup: "rg-none" }, "ENTITY_NOT_EXIST_RESOURCE_GROUP"],
      ...ofNoAccount({ resourceGroup: "rg-spare" }),
    ],
  },
  deleteRole: { valid: { role: role("spare") }, missing: [[{ role: role("none") }, "ENTITY_NOT_EXIST_ROLE"]] },
  deleteUser: { valid: { user: user("spare") }, missing: [[{ user: user("none") }, "ENTITY_NOT_EXIST_USER"]] },
  deregisterAlias: {
    valid: { alias: alias("apollo") },
    missing: [[{ alias: alias("none") }, "ENTITY_NOT_EXIST_ALIAS"]],
  },
  deregisterKey: { valid: { key: key("spare") }, missing: [[{ key: key("none") }, "ENTITY_NOT_EXIST_KEY"]] },
  deregisterSecret: {
    valid: { secret: secret("apollo/db") },
    missing: [[{ secret: secret("none") }, "ENTITY_NOT_EXIST_SECRET"]],
  },
  detachPolicies: {
    valid: { attachments: [ATTACHED] },
    missing: attachmentErrors((attachment) => ({ attachments: [attachment] })),
  },
  detachPolicy: { valid: ATTACHED, missing: attachmentErrors((attachment) => ({ ...attachment })) },
  importAccount: {
    valid: { account: "78", mode: "MERGE", snapshot: { version: 1, account: { id: "78" }, users: [{ name: "u" }] } },
    missing: [],
  },
  moveToResourceGroup: {
    valid: { resource: GEMINI_KEY, resourceGroup: "rg-apollo" },
    missing: [
      [{ resource: key("none") }, "ENTITY_NOT_EXIST_KEY"],
      [{ resource: secret("none") }, "ENTITY_NOT_EXIST_SECRET"],
      [{ resource: GEMINI_KEY, resourceGroup: "rg-none" }, "ENTITY_NOT_EXIST_RESOURCE_GROUP"],
    ],
  },
  registerAlias: {
    valid: { arn: alias("new"), key: APOLLO_KEY },
    missing: [[{ arn: alias("new"), key: key("none") }, "ENTITY_NOT_EXIST_KEY"]],
  },
  registerKey: {
    valid: { arn: key("new"), tags: [{ key: "a", value: "b" }] },
    missing: [
      [{ arn: key("new"), resourceGroup: "rg-none" }, "ENTITY_NOT_EXIST_RESOURCE_GROUP"],
      [{ arn: "acs:kms:cn-hangzhou:404:key/new" }, "ENTITY_NOT_EXIST_ACCOUNT"],
    ],
  },
  registerSecret: {
    valid: { arn: secret("new"), encryptionKey: APOLLO_KEY },
    missing: [
      [{ arn: secret("new"), encryptionKey: key("none") }, "ENTITY_NOT_EXIST_KEY"],
      [{ arn: secret("new"), resourceGroup: "rg-none" }, "ENTITY_NOT_EXIST_RESOURCE_GROUP"],
    ],
  },
  removeUserFromGroup: { valid: { user: user("bob"), group: group("apollo-developers") }, missing: membershipErrors },
  revokeApiKey: { valid: { apiKey: "spare" }, missing: [[{ apiKey: "none" }, "ENTITY_NOT_EXIST_API_KEY"]] },
  revokeRoleSessions: {
    valid: { role: role("spare") },
    missing: [[{ role: role("none") }, "ENTITY_NOT_EXIST_ROLE"]],
  },
  rotateApiKey: {
    valid: { apiKey: "spare", overlapSeconds: 60 },
    missing: [[{ apiKey: "none" }, "ENTITY_NOT_EXIST_API_KEY"]],
  },
  setDefaultPolicyVersion: {
    valid: { policy: policy("Spare"), version: "v2" },
    missing: [
      [{ policy: policy("none"), version: "v1" }, "ENTITY_NOT_EXIST_POLICY"],
      [{ policy: policy("Spare"), version: "v9" }, "ENTITY_NOT_EXIST_POLICY_VERSION"],
    ],
  },
  tagResource: {
    valid: { resource: APOLLO_KEY, tags: [{ key: "new", value: "x" }] },
    missing: taggedErrors({ tags: [{ key: "new", value: "x" }] }),
  },
  untagResource: {
    valid: { resource: APOLLO_KEY, tagKeys: ["Project"] },
    missing: taggedErrors({ tagKeys: ["Project"] }),
  },
  updateAccount: { valid: { account: ACCOUNT, alias: "new" }, missing: ofNoAccount({ alias: "new" }) },
  updateAlias: {
    valid: { alias: alias("apollo"), key: GEMINI_KEY },
    missing: [
      [{ alias: alias("none"), key: GEMINI_KEY }, "ENTITY_NOT_EXIST_ALIAS"],
      [{ alias: alias("apollo"), key: key("none") }, "ENTITY_NOT_EXIST_KEY"],
    ],
  },
  updateGroup: {
    valid: { group: group("kms-operators"), newName: "operators" },
    missing: [[{ group: group("none"), newName: "x" }, "ENTITY_NOT_EXIST_GROUP"]],
  },
  updateKey: {
    valid: { key: APOLLO_KEY, state: "DISABLED" },
    missing: [[{ key: key("none"), state: "DISABLED" }, "ENTITY_NOT_EXIST_KEY"]],
  },
  updatePolicy: {
    valid: { policy: policy("Spare"), description: "new" },
    missing: [[{ policy: policy("none"), description: "new" }, "ENTITY_NOT_EXIST_POLICY"]],
  },
  updateResourceGroup: {
    valid: { account: ACCOUNT, resourceGroup: "rg-apollo", name: "new" },
    missing: [
      [{ account: ACCOUNT, resourceGroup: "rg-none", name: "new" }, "ENTITY_NOT_EXIST_RESOURCE_GROUP"],
      ...ofNoAccount({ resourceGroup: "rg-apollo", name: "new" }),
    ],
  },
  updateRole: {
    valid: { role: role("deploy-bot"), trustPolicy: TRUST },
    missing: [[{ role: role("none"), trustPolicy: TRUST }, "ENTITY_NOT_EXIST_ROLE"]],
  },
  updateSecret: {
    valid: { secret: secret("apollo/db"), encryptionKey: GEMINI_KEY },
    missing: [
      [{ secret: secret("none"), encryptionKey: GEMINI_KEY }, "ENTITY_NOT_EXIST_SECRET"],
      [{ secret: secret("apollo/db"), encryptionKey: key("none") }, "ENTITY_NOT_EXIST_KEY"],
    ],
  },
  updateUser: {
    valid: { user: user("bob"), newName: "robert", comments: "new" },
    missing: [[{ user: user("none"), newName: "x" }, "ENTITY_NOT_EXIST_USER"]],
  },
};
/** What the cases need beside the demo account, by mutation, in their order. */
export const SET_UP: readonly (readonly [mutation: string, input: Input])[] = [
  ["createUser", { account: ACCOUNT, name: "spare" }],
  ["createGroup", { account: ACCOUNT, name: "spare" }],
  ["createRole", { account: ACCOUNT, name: "spare", trustPolicy: TRUST }],
  ["createResourceGroup", { account: ACCOUNT, id: "rg-spare", name: "spare" }],
  ["createPolicy", { account: ACCOUNT, name: "Single", document: DOCUMENT }],
  ["createPolicy", { account: ACCOUNT, name: "Spare", document: DOCUMENT }],
  ["createPolicyVersion", { policy: policy("Spare"), document: DOCUMENT }],
  ["registerKey", { arn: key("spare") }],
  ["assumeRole", { role: role("spare"), sessionName: "setup" }],
];

/** The document of one mutation, for a variable `$input`. */
export function mutationOf(name: string): string {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  return `mutation ($input: ${type}!) { ${name}(input: $input) { changed revision userErrors { code message } } }`;
}
