// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policy variables are written like that
import type {
  Json,
  ReferenceAttachment,
  ReferenceDocument,
  ReferenceQuestion,
  ReferenceResource,
  ReferenceWorld,
} from "./reference-evaluator.js";

const ACCOUNT = "1234567890123456";
const OTHER_ACCOUNT = "6543210987654321";
const NOW = Date.parse("2026-06-01T12:00:00Z");

/** Mulberry32: small, seeded, good enough to pick test cases. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const ARN = `acs:kms:cn-hangzhou:${ACCOUNT}:`;
const RAM = `acs:ram::${ACCOUNT}:`;
const ROLE_ARN = `${RAM}role/Deploy`;
const FOREIGN_ROLE = `acs:ram::${OTHER_ACCOUNT}:role/Other`;
const KEY = `${ARN}key/k1`;

const PRINCIPALS = [
  ...[`${RAM}user/bob`, `${RAM}user/bob`, `${RAM}user/bob`, ROLE_ARN, ROLE_ARN],
  `${RAM}role/AliyunServiceRoleForKMSKeyStore`,
  `${RAM}assumed-role/deploy/ci`,
  `${RAM}assumed-role/deploy/Ci`,
  `${RAM}root`,
];
const KEY_ACTIONS = [
  "kms:Decrypt",
  "kms:Decrypt",
  "kms:Encrypt",
  "kms:DescribeKey",
  "kms:TagResource",
  "kms:CreateAlias",
];
const OTHER_ACTIONS = ["ecs:Foo", "kms:Foo", "kms:decrypt", "sts:AssumeRole", "kms:DescribeRegions", "oss:GetObject"];
const CONTAINER_ACTIONS = ["kms:CreateKey", "kms:ListKeys"];

/** What is asked about, and with which actions; what stands first is asked most. */
const RESOURCES: readonly (readonly [string, readonly string[]])[] = [
  [KEY, KEY_ACTIONS],
  [KEY, KEY_ACTIONS],
  [KEY, KEY_ACTIONS],
  [`${ARN}key/K1`, KEY_ACTIONS],
  [`acs:KMS:cn-hangzhou:${ACCOUNT}:key/k17`, KEY_ACTIONS],
  [`${ARN}key/\u{1f511}`, KEY_ACTIONS],
  [`${ARN}secret/a/b`, ["kms:GetSecretValue", "kms:TagResource"]],
  [`${ARN}secret/a:b`, ["kms:GetSecretValue"]],
  [`${ARN}alias/x`, ["kms:CreateAlias"]],
  [`${ARN}certificate/c1`, ["kms:GetCertificate"]],
  [`${ARN}key`, CONTAINER_ACTIONS],
  [`${ARN}secret`, ["kms:CreateSecret"]],
  [`${ARN}alias`, ["kms:ListAliases"]],
  [`${ARN}certificate`, ["kms:CreateCertificate"]],
  [`${ARN}thing/x`, KEY_ACTIONS],
  [`acs:kms:*:*:key/k1`, KEY_ACTIONS],
  ["*", ["kms:GetRandomPassword", "kms:DescribeRegions", "ecs:Foo"]],
  [ROLE_ARN, ["sts:AssumeRole"]],
  [FOREIGN_ROLE, ["sts:AssumeRole"]],
  [`acs:kms:cn-hangzhou:${OTHER_ACCOUNT}:key/k1`, KEY_ACTIONS],
  ["acs:oss:*:*:bucket/k1", ["oss:GetObject"]],
];
const ACTION_PATTERNS = [
  ...["*", "*", "*", "*", "kms:*", "kms:*", "kms:*", "kms:*", "kms:*"],
  "KMS:DE*",
  "kms:Decrypt",
  "kms:?ncrypt",
  "k*",
  "ecs:*",
  "sts:AssumeRole",
  "*:*Key",
  "*:*e*y*",
  "kms:*crypt",
  "kms:${x}",
  "oss:*",
];
const BROAD_RESOURCES = ["*", "*", "*", "acs:kms:*:*:*", "acs:*:*:*:*"];
const RESOURCE_PATTERNS = [
  "**",
  "?",
  "acs:KMS:*:*:key/*",
  "acs:kms:*:*:key*",
  "acs:kms:*:*:key/*",
  "acs:kms:*:*:secret/*",
  "acs:kms:*:*:secret*",
  "acs:kms:*:*:?ey/*",
  "acs:kms:*:*:certificate/c?",
  "acs:kms:*:*:alias/*",
  KEY,
  `${ARN}key/K1`,
  `${ARN}key/k?`,
  `${ARN}key/?`,
  `${ARN}secret/a?b`,
  `${ARN}secret/*:b`,
  "acs:kms:*",
  "acs:kms:*:*:*/*",
  "acs:kms:*:*:*k*1*",
  "acs:*:*hang*:*:*",
  "acs:*:CN-*:*:*",
  "ACS:kms:*:*:*",
  "acs:kms:*:*:key/${x}",
  `${KEY},*`,
  "acs:ram:*:*:role/DEPLOY",
  "acs:ram:*:*:ROLE/*",
  "acs:ram:*:*:*Deploy",
  "acs:oss:*:*:bucket/*",
  "key/k1",
  "*key/K1",
  "a*:*:k1",
  `acs:kms:*:${OTHER_ACCOUNT}:*`,
  "acs:kms:cn-hangzhou::key/*",
];
/** For policies of many statements: each speaks about little. */
const NARROW_RESOURCES = [
  ...Array.from({ length: 20 }, (_, index) => `acs:kms:*:*:key/k${index}`),
  ...["k1", "K1", "k17", "k1*", "k*7", "?1", "*1"].map((name) => `acs:kms:*:*:key/${name}`),
  ...["key", "secret", "secret/a/*", "secret/A/b", "secret/a*", "alias/*", "certificate/*"].map(
    (relative) => `acs:kms:*:*:${relative}`,
  ),
  ...["*", "acs:ram:*:*:role/deploy"],
];
const TEXTS = ["Apollo", "apollo", "A*", "?pollo", "*", "?", "", "Apollo\u{1f680}", "A?ollo?", "${x}", "1", "**o*"];
const NUMBERS = [
  "1",
  "1.0",
  "01",
  "10.0",
  "9",
  "-2",
  "-3",
  "-10.5",
  "-0",
  "0",
  "1.",
  "1e3",
  "12345678901234567890.1",
  "abc",
  "${x}",
];
const DATES = [
  "2026-06-01T12:00:00Z",
  "2026-06-01T12:00:00.001Z",
  "2026-06-01T11:59:59.999Z",
  "2026-06-01T12:00:00",
  "2026-06-01T11:00:00",
  "2026-06-01T20:00:00+08:00",
  "2026-06-01T11:00:00Z",
  "2026-07-01T00:00:00-01:30",
  "2026-02-30T00:00:00Z",
  "2026-06-01t12:00:00Z",
];
const BOOLEANS = ["true", "false", "true", "false", "TRUE", "yes"];
const ADDRESSES = [
  "10.0.0.0/8",
  "10.1.2.3",
  "10.1.2.3/31",
  "0.0.0.0/0",
  "010.0.0.1",
  "10.1",
  "::ffff:10.0.0.1",
  "::ffff:10.0.0.0/104",
  "::ffff:0:0/90",
  "::/0",
  "2001:db8::1",
  "2001:DB8:0:0::1",
  "2001:db8::/32",
  "2001:db8::ff00/121",
  "10.0.0.0/33",
];
const STRING_OPERATORS = [
  "StringEquals",
  "StringNotEquals",
  "StringEqualsIgnoreCase",
  "StringNotEqualsIgnoreCase",
  "StringLike",
  "StringNotLike",
];
const COMPARISONS = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"];
const NUMERIC_OPERATORS = COMPARISONS.map((comparison) => `Numeric${comparison}`);
const DATE_OPERATORS = COMPARISONS.map((comparison) => `Date${comparison}`);
const UNKNOWN_OPERATORS = [
  "Null",
  "stringEquals",
  "StringEqualsIfExists",
  "ArnLike",
  "IpAddressIncludeBorder",
  "ForAnyValue:Bool",
];
const STRING_KEYS = [
  ...["kms:tag/Project", "kms:tag/Project", "KMS:Tag/project", "acs:ResourceTag/Project", "kms:tag/a:b"],
  ...["acs:RequestTag/Team", "acs:RequestTag/team", "x:multi", "x:multi", "x:multi"],
  ...["kms:EncryptionContext:Dept", "KMS:encryptioncontext:dept", "kms:EncryptionContext:a/b"],
];
/** Operators with keys and values that they make sense of. */
const FAMILIES: readonly (readonly [readonly string[], readonly string[], readonly string[]])[] = [
  [STRING_OPERATORS, STRING_KEYS, TEXTS],
  [STRING_OPERATORS, STRING_KEYS, TEXTS],
  [STRING_OPERATORS, STRING_KEYS, TEXTS],
  [
    STRING_OPERATORS,
    ["acs:PrincipalARN", "ACS:PrincipalArn"],
    [`${RAM}user/BOB`, "acs:ram:*:*:role/deploy", "*:user/*"],
  ],
  [STRING_OPERATORS, ["Action", "action"], ["kms:DECRYPT", "kms:Decrypt", "*crypt", "kms:*", "KMS:?ncrypt"]],
  [STRING_OPERATORS, ["acs:CurrentTime"], DATES],
  [NUMERIC_OPERATORS, ["x:num", "x:num", "x:multi"], NUMBERS],
  [NUMERIC_OPERATORS, ["x:num"], ["-2", "-2.5", "-10", "3"]],
  [DATE_OPERATORS, ["acs:CurrentTime", "ACS:currentTime", "acs:CurrentTime", "x:date"], DATES],
  [DATE_OPERATORS, ["acs:CurrentTime", "x:date"], DATES],
  [["Bool"], ["acs:MFAPresent", "ACS:mfapresent", "acs:SecureTransport"], BOOLEANS],
  [["Bool"], ["acs:SecureTransport"], BOOLEANS],
  [["IpAddress", "NotIpAddress"], ["acs:SourceIp", "acs:SourceIp", "acs:VpcSourceIp"], ADDRESSES],
  [["IpAddress", "NotIpAddress"], ["acs:SourceIp"], ["10.0.0.0/8", "::ffff:10.0.0.0/104", "::/0", "2001:db8::/32"]],
];
const ALL_OPERATORS = FAMILIES.flatMap(([operators]) => operators);
const ALL_KEYS = FAMILIES.flatMap(([, keys]) => keys);
const ALL_VALUES = FAMILIES.flatMap(([, , values]) => values);

const GIVEN_NUMBERS = ["1", "1.0", "10", "-2", "-3", "-10", "0", "-0.0", "12345678901234567890.1", "x"];
const GIVEN_DATES = [
  "2026-06-01T12:00:00Z",
  "2026-06-01T20:00:00+08:00",
  "2026-06-01T12:00:00",
  "2026-06-01T11:00:00Z",
];
const GIVEN_ADDRESSES = [
  "10.1.2.3",
  "10.1.2.2",
  "::ffff:10.1.2.3",
  "2001:db8::1",
  "2001:db8::ffff",
  "11.0.0.1",
  "10.0.0.0/8",
];
const SUPPLIED: readonly (readonly [string, readonly string[]])[] = [
  ["acs:RequestTag/Team", TEXTS],
  ["acs:RequestTag/team", TEXTS],
  ["ACS:ResourceTag/Project", TEXTS],
  ["acs:ResourceTag/project", TEXTS],
  ["KMS:EncryptionContext:Dept", TEXTS],
  ["kms:EncryptionContext:dept", TEXTS],
  ["acs:SourceIp", GIVEN_ADDRESSES],
  ["acs:SourceIp", GIVEN_ADDRESSES],
  ["acs:MFAPresent", BOOLEANS],
  ["acs:MFAPresent", BOOLEANS],
  ["acs:SecureTransport", BOOLEANS],
  ["acs:SecureTransport", BOOLEANS],
  ["x:num", GIVEN_NUMBERS],
  ["x:num", GIVEN_NUMBERS],
  ["x:date", GIVEN_DATES],
  ["x:multi", TEXTS],
  ["x:multi", TEXTS],
  ["x:multi", [...TEXTS, "2", "3.5"]],
  ["kms:tag/Project", TEXTS],
  ["acs:PrincipalARN", TEXTS],
  ["Action", ["kms:Encrypt"]],
];
const TAG_NAMES = ["Project", "Project", "project", "PROJECT", "team", "a:b"];
const TRUSTED = [
  `${RAM}root`,
  `${RAM}root`,
  `${RAM}*`,
  `${RAM}user/bob`,
  `${RAM}user/BOB`,
  ROLE_ARN,
  `${RAM}role/DEPLOY`,
  `${RAM}assumed-role/Deploy/ci`,
  `${RAM}role/Deploy/*`,
  `acs:sts::${ACCOUNT}:assumed-role/DEPLOY/c?`,
  `arn:sts::${ACCOUNT}:assumed-role/Deploy/CI`,
  "acs:ram::*:user/*",
  "acs:ram::*:root",
  "acs:*:*:*:ROOT",
  "acs:ram:*:*:*",
  "*",
  "ram:*",
  "acs:ram*bob",
  "${x}",
  `acs:ram::${OTHER_ACCOUNT}:root`,
  `${RAM}user/bob,${RAM}root`,
];

const MOST_KEPT = 8;

/** Makes random worlds; every choice is one draw, so a seed gives the same worlds for ever. */
export class CaseMaker {
  private readonly random: () => number;
  private readonly resources: ReferenceResource[] = [];
  private readonly documents: ReferenceDocument[] = [];

  constructor(seed: number) {
    this.random = randomFrom(seed);
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  /** A whole number below `end`. */
  below(end: number): number {
    return Math.floor(this.random() * end);
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error("nothing to pick from");
    return list[this.below(list.length)] as T;
  }

  some<T>(list: readonly T[], most: number): T[] {
    return Array.from({ length: this.below(most + 1) }, () => this.pick(list));
  }

  atLeastOne<T>(list: readonly T[]): T[] {
    return this.chance(0.3) ? [this.pick(list), ...this.some(list, 2)] : [this.pick(list)];
  }

  /** A principal with a few questions; many about several resources where policies are long enough for an index. */
  world(): ReferenceWorld {
    const principal = this.pick(PRINCIPALS);
    const attachments = this.attachments(principal);
    const long = attachments.some(({ document }) => (document?.Statement.length ?? 0) > 9);
    const others = long ? [1, 2, 3, 4] : this.chance(0.3) ? [1] : [];
    const resources = [0, ...others].map(() => this.resource(long));
    return {
      principal,
      attachments,
      questions: Array.from({ length: long ? 10 : 2 + this.below(3) }, () =>
        this.question(principal, this.pick(resources)),
      ),
    };
  }

  /** Sometimes what another world has, too: caches must not take one principal for another. */
  private shared<T>(kept: T[], make: () => T): T {
    if (kept.length > 0 && this.chance(0.15)) return this.pick(kept);
    const made = make();
    kept.unshift(made);
    kept.length = Math.min(kept.length, MOST_KEPT);
    return made;
  }

  statement(): Json {
    const resources = this.chance(0.6) ? [this.pick(BROAD_RESOURCES)] : this.atLeastOne(RESOURCE_PATTERNS);
    return {
      ...(this.chance(0.1) ? { Sid: this.pick(["one", "two"]) } : {}),
      Effect: this.chance(0.6) ? "Allow" : "Deny",
      [this.chance(0.1) ? "NotAction" : "Action"]: this.listed(this.atLeastOne(ACTION_PATTERNS)),
      [this.chance(0.08) ? "NotResource" : "Resource"]: this.listed(resources),
      ...(this.chance(0.6) ? { Condition: this.condition() } : {}),
    };
  }

  private listed<T>(values: T[]): T | T[] {
    const [only] = values;
    return only !== undefined && values.length === 1 && this.chance(0.5) ? only : values;
  }

  private condition(): Json {
    if (this.chance(0.01)) return {};
    const condition: Record<string, unknown> = {};
    for (let left = this.chance(0.2) ? 2 : 1; left > 0; left--) {
      const [operators, keys, values] = this.chance(0.9) ? this.pick(FAMILIES) : [ALL_OPERATORS, ALL_KEYS, ALL_VALUES];
      const name = this.chance(0.03) ? this.pick(UNKNOWN_OPERATORS) : this.pick(operators);
      const operator = this.chance(0.2) ? `${this.pick(["ForAllValues", "ForAnyValue"])}:${name}` : name;
      const block = this.chance(0.01) ? [] : this.atLeastOne(keys);
      condition[operator] = Object.fromEntries(block.map((key) => [key, this.conditionValues(values)]));
    }
    return condition;
  }

  private conditionValues(values: readonly string[]): unknown {
    if (this.chance(0.02)) return this.pick([true, 10, [false, 1]]);
    return this.listed(this.chance(0.04) ? [] : this.atLeastOne(values));
  }

  document(): ReferenceDocument {
    const count = this.chance(0.02) ? 0 : this.chance(0.3) ? 2 : 1;
    return { Version: "1", Statement: Array.from({ length: count }, () => this.statement()) };
  }

  /** Many statements, most of which speak about other resources. */
  private longDocument(): ReferenceDocument {
    const statement = (): Json => ({
      ...this.statement(),
      ...(this.chance(0.9) ? { Resource: this.atLeastOne(NARROW_RESOURCES), NotResource: undefined } : {}),
      ...(this.chance(0.7) ? { Condition: undefined } : {}),
      ...(this.chance(0.7) ? { Action: this.pick(["*", "kms:*", "k*"]), NotAction: undefined } : {}),
    });
    const clean = (made: Json): Json =>
      Object.fromEntries(Object.entries(made).filter(([, value]) => value !== undefined));
    return { Version: "1", Statement: Array.from({ length: 14 + this.below(110) }, () => clean(statement())) };
  }

  trust(): ReferenceDocument {
    const statement = (): Json => ({
      Effect: this.chance(0.75) ? "Allow" : "Deny",
      Action: this.atLeastOne(ACTION_PATTERNS),
      Principal: this.chance(0.05) ? { Service: "ecs.aliyuncs.com" } : { RAM: this.listed(this.atLeastOne(TRUSTED)) },
      ...(this.chance(0.3) ? { Condition: this.condition() } : {}),
    });
    return { Version: "1", Statement: this.chance(0.3) ? [statement(), statement()] : [statement()] };
  }

  private attachments(principal: string): ReferenceAttachment[] {
    if (this.chance(0.02)) {
      const shared = this.document();
      return Array.from({ length: 5 + this.below(26) }, (_, index) => this.attachment(principal, index, shared));
    }
    if (this.chance(0.015)) return [this.attachment(principal, 0, this.longDocument()), this.attachment(principal, 1)];
    const count = this.chance(0.05) ? 0 : 1 + this.below(3);
    return Array.from({ length: count }, (_, index) => this.attachment(principal, index));
  }

  private attachment(principal: string, index: number, document?: ReferenceDocument): ReferenceAttachment {
    const viaGroup = principal.includes(":user/") && this.chance(0.3);
    return {
      policy: `P${index}`,
      attachedTo: viaGroup ? `${RAM}group/ops` : principal,
      document: this.chance(0.04) ? null : (document ?? this.shared(this.documents, () => this.document())),
      group: this.chance(0.35) ? this.pick(["rg-1", "rg-1", "rg-1", "rg-2"]) : null,
      notBefore: this.chance(0.1) ? NOW + this.pick([-1000, -1, 0, 1, 2]) : null,
      expiresAt: this.chance(0.1) ? NOW + this.pick([-1, 0, 1, 2, 1000]) : null,
    };
  }

  private resource(long: boolean): ReferenceResource {
    if (long && this.chance(0.7)) return this.resourceOf(`${ARN}key/${this.pick(["k", "K"])}${this.below(20)}`);
    const [arn] = this.pick(this.chance(0.08) ? RESOURCES.slice(17, 19) : RESOURCES);
    return this.shared(this.resources, () => this.resourceOf(arn));
  }

  private resourceOf(arn: string): ReferenceResource {
    const item = /:(key|secret)\//.test(arn);
    const role = arn.includes(":role/");
    return {
      arn,
      registered: this.chance(0.93),
      resourceGroup: item && this.chance(0.8) ? this.pick(["rg-1", "rg-1", "rg-2"]) : null,
      tags: item ? Object.fromEntries(this.some(TAG_NAMES, 3).map((tag) => [tag, this.pick(TEXTS)])) : {},
      trust: role && this.chance(0.8) ? this.trust() : null,
    };
  }

  private question(principal: string, resource: ReferenceResource): ReferenceQuestion {
    const fitting = RESOURCES.find(([arn]) => arn === resource.arn)?.[1] ?? KEY_ACTIONS;
    const action = (): string => this.pick(this.chance(0.85) ? fitting : [...KEY_ACTIONS, ...OTHER_ACTIONS]);
    const count = this.chance(0.8) ? 1 : 2 + this.below(4);
    return {
      resource,
      actions: Array.from({ length: count }, action),
      context: Object.fromEntries(this.some(SUPPLIED, 6).map(([key, values]) => [key, this.contextValues(values)])),
      now: NOW + (this.chance(0.8) ? 0 : this.pick([-1, 1, 1000])),
      session:
        /role\//.test(principal) && this.chance(0.25) ? this.shared(this.documents, () => this.document()) : null,
      precedence: this.pick(["staged", "deny-overrides"]),
    };
  }

  private contextValues(values: readonly string[]): string[] {
    if (this.chance(0.15)) return [];
    return this.chance(0.75) ? [this.pick(values)] : [this.pick(values), this.pick(values), ...this.some(values, 1)];
  }
}
