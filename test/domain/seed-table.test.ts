import { describe, expect, test } from "vitest";
import type { ResourceFacts } from "../../src/domain/evaluation/access-request.js";
import { decide } from "../../src/domain/evaluation/decide.js";
import { combineLegs } from "../../src/domain/evaluation/operation-decision.js";
import { type OperationTargets, planOperation } from "../../src/domain/kms/operations.js";
import { ACCOUNT, ALIAS, attached, KEY, requestOf, resource, SECRET, type StatementSource } from "./build.js";

/** The four example policies of the page "Use RAM to control access to KMS". */
const POLICIES: Readonly<Record<string, StatementSource>> = {
  all: { Effect: "Allow", Action: ["kms:*"], Resource: ["*"] },
  queryAndUse: {
    Effect: "Allow",
    Action: ["kms:List*", "kms:Describe*", "kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"],
    Resource: ["*"],
  },
  apollo: {
    Effect: "Allow",
    Action: ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"],
    Resource: ["*"],
    Condition: { StringEqualsIgnoreCase: { "kms:tag/Project": ["Apollo"] } },
  },
  secrets: {
    Effect: "Allow",
    Action: ["kms:List*", "kms:Describe*", "kms:GetSecretValue", "kms:Decrypt", "kms:GetRandomPassword"],
    Resource: ["*"],
  },
};
const APOLLO_KEY = KEY;
const GEMINI_KEY = KEY.replace("k1", "k2");
const APOLLO_SECRET = SECRET;

/** One key with the tag, one without; a secret under the tagged key, itself without the tag. */
const FACTS: Readonly<Record<string, ResourceFacts>> = {
  [APOLLO_KEY]: resource(APOLLO_KEY, { tags: new Map([["Project", "apollo"]]) }),
  [GEMINI_KEY]: resource(GEMINI_KEY, { tags: new Map([["Project", "Gemini"]]) }),
  [APOLLO_SECRET]: resource(APOLLO_SECRET, { encryptionKeyArn: APOLLO_KEY }),
  [ALIAS]: resource(ALIAS, { aliasTargetArn: APOLLO_KEY }),
};
const factsOf = (arn: string): ResourceFacts => FACTS[arn] ?? resource(arn);

const CONTAINER: OperationTargets = { region: "cn-hangzhou", account: ACCOUNT };
const ON_KEY: OperationTargets = { key: APOLLO_KEY };
const ON_SECRET: OperationTargets = { secret: APOLLO_SECRET };

/** Operation, targets, and which of [all, queryAndUse, apollo, secrets] allow it: by hand from the seed's tables. */
const TABLE: readonly (readonly [string, OperationTargets, string])[] = [
  ["ListKeys", CONTAINER, "YY-Y"],
  ["CreateKey", CONTAINER, "Y---"],
  ["DescribeKey", ON_KEY, "YY-Y"],
  ["UpdateKeyDescription", ON_KEY, "Y---"],
  ["EnableKey", ON_KEY, "Y---"],
  ["DisableKey", ON_KEY, "Y---"],
  ["ScheduleKeyDeletion", ON_KEY, "Y---"],
  ["CancelKeyDeletion", ON_KEY, "Y---"],
  ["GetParametersForImport", ON_KEY, "Y---"],
  ["ImportKeyMaterial", ON_KEY, "Y---"],
  ["DeleteKeyMaterial", ON_KEY, "Y---"],
  ["ListAliases", CONTAINER, "YY-Y"],
  ["CreateAlias", { alias: ALIAS, key: APOLLO_KEY }, "Y---"],
  ["UpdateAlias", { alias: ALIAS, key: GEMINI_KEY }, "Y---"],
  ["DeleteAlias", { alias: ALIAS }, "Y---"],
  ["ListAliasesByKeyId", ON_KEY, "YY-Y"],
  ["CreateKeyVersion", ON_KEY, "Y---"],
  ["DescribeKeyVersion", ON_KEY, "YY-Y"],
  ["ListKeyVersions", ON_KEY, "YY-Y"],
  ["UpdateRotationPolicy", ON_KEY, "Y---"],
  ["Encrypt", ON_KEY, "YYY-"],
  ["Encrypt", { key: GEMINI_KEY }, "YY--"],
  ["Decrypt", ON_KEY, "YYYY"],
  ["Decrypt", { key: GEMINI_KEY }, "YY-Y"],
  ["ReEncrypt", { sourceKey: APOLLO_KEY, destinationKey: GEMINI_KEY }, "Y---"],
  ["GenerateDataKey", ON_KEY, "YYY-"],
  ["GenerateDataKey", { key: GEMINI_KEY }, "YY--"],
  ["GenerateDataKeyWithoutPlaintext", ON_KEY, "Y---"],
  ["ExportDataKey", ON_KEY, "Y---"],
  ["GenerateAndExportDataKey", ON_KEY, "Y---"],
  ["AsymmetricSign", ON_KEY, "Y---"],
  ["AsymmetricVerify", ON_KEY, "Y---"],
  ["AsymmetricEncrypt", ON_KEY, "Y---"],
  ["AsymmetricDecrypt", ON_KEY, "Y---"],
  ["GetPublicKey", ON_KEY, "Y---"],
  ["CreateSecret", CONTAINER, "Y---"],
  ["ListSecrets", CONTAINER, "YY-Y"],
  ["DescribeSecret", ON_SECRET, "YY-Y"],
  ["DeleteSecret", ON_SECRET, "Y---"],
  ["UpdateSecret", ON_SECRET, "Y---"],
  ["RestoreSecret", ON_SECRET, "Y---"],
  ["GetSecretValue", ON_SECRET, "Y--Y"],
  ["PutSecretValue", ON_SECRET, "Y---"],
  ["ListSecretVersionIds", ON_SECRET, "YY-Y"],
  ["UpdateSecretVersionStage", ON_SECRET, "Y---"],
  ["GetRandomPassword", {}, "Y--Y"],
  ["ListResourceTags", ON_KEY, "YY-Y"],
  ["ListResourceTags", ON_SECRET, "YY-Y"],
  ["UntagResource", ON_KEY, "Y---"],
  ["UntagResource", ON_SECRET, "Y---"],
  ["TagResource", ON_KEY, "Y---"],
  ["TagResource", ON_SECRET, "Y---"],
  ["DescribeRegions", {}, "YYYY"],
];

function allowed(policy: StatementSource, operation: string, targets: OperationTargets): boolean {
  const plan = planOperation(operation, targets, factsOf);
  const attachments = [attached([policy])];
  const decisions = plan.legs.map(({ action, resource: on }) =>
    decide({ ...requestOf(attachments, { action, on }), resource: factsOf(on) }, { scopePrecedence: "staged" }),
  );
  return combineLegs(plan, decisions, () => "ENABLED").allowed;
}

describe.each(Object.entries(POLICIES).map(([name, policy], column) => ({ name, policy, column })))(
  "seed policy $name",
  ({ policy, column }) => {
    test.each(TABLE)("%s on %j", (operation, targets, expected) => {
      expect(allowed(policy, operation, targets)).toBe(expected[column] === "Y");
    });
  },
);
