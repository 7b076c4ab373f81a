/** What questions about whole accounts take, asked over HTTP. */
import pg from "pg";
import { withGateway } from "./gateway.mjs";
import { inTurn } from "./report.mjs";

const PLAIN = "arn outcome";
const REASONS =
  "arn outcome decision { outcome decidedBy reason matchedStatements { index effect policy { name } } } viaGroups { name }";
const WHO = (rows, page = 100) => `query ($resource: Arn!, $after: String) {
  whoCan(action: "kms:Decrypt", resource: $resource, first: ${page}, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } nodes { ${rows} } } }`;
const ASSUMABLE = `query ($resource: Arn!) {
  whoCan(action: "kms:Decrypt", resource: $resource, first: 100, includeAssumable: true) {
    totalCount nodes { arn outcome assumes { arn } } } }`;
const EVERYBODY = `query ($account: String!) {
  whoCan(operation: "DescribeRegions", resource: "*", account: $account, first: 1) { totalCount } }`;
const WHAT = `query ($principal: Arn!) {
  whatCan(principal: $principal, action: "kms:Decrypt", first: 100) { totalCount nodes { resource outcome } } }`;
const MATRIX = `query ($principals: [Arn!]!, $resources: [Arn!]!) {
  accessMatrix(principals: $principals, resources: $resources, actions: ["kms:Decrypt", "kms:Encrypt"]) { principal resource cells { action outcome } } }`;

/** Keys and users of an account, spread over it. */
export async function namesIn(client, account) {
  const arns = async (text) => (await client.query(text, [account])).rows.map(({ arn }) => arn);
  const keys = await arns(
    "SELECT arn FROM kms_resource WHERE account_id = $1 AND type = 'KEY' ORDER BY md5(arn) LIMIT 200",
  );
  const users = await arns(
    "SELECT arn FROM principal WHERE account_id = $1 AND kind = 'USER' ORDER BY md5(arn) LIMIT 200",
  );
  const { rows } = await client.query(
    "SELECT count(*)::int AS people FROM principal WHERE account_id = $1 AND kind <> 'GROUP'",
    [account],
  );
  return { keys, users, people: rows[0].people };
}

/** whoCan, whatCan and accessMatrix on one account; the figures, in milliseconds. */
export async function askAboutAccount(url, account) {
  const client = new pg.Client(url);
  await client.connect();
  const names = await namesIn(client, account);
  try {
    return await withGateway(url, async (ask, usage) => {
      const first = await ask(WHO(PLAIN), { resource: names.keys[0] });
      const changed = await afterChanges(client, names, ask, usage);
      const same = await inTurn(
        60,
        usage,
        async (turn) => (await ask(WHO(PLAIN), { resource: names.keys[turn % 200] })).ms,
      );
      const explained = await inTurn(
        20,
        usage,
        async (turn) => (await ask(WHO(REASONS, 50), { resource: names.keys[turn % 200] })).ms,
      );
      const assumable = await inTurn(
        10,
        usage,
        async (turn) => (await ask(ASSUMABLE, { resource: names.keys[turn % 200] })).ms,
      );
      const complete = await isComplete(ask, names, account);
      const used = usage.memory();
      const what = await inTurn(10, usage, async (turn) => (await ask(WHAT, { principal: names.users[turn] })).ms);
      const matrix = await inTurn(5, usage, async (turn) => (await ask(MATRIX, matrixOf(names, turn))).ms);
      return {
        first: first.ms,
        changed,
        same,
        explained,
        assumable,
        what,
        matrix,
        complete,
        memory: { ...used, end: usage.memory().peak },
      };
    });
  } finally {
    await client.end();
  }
}

/** The first question after a change: policies are compiled, and nothing else of the account counts any more. */
async function afterChanges(client, { keys, users }, ask, usage) {
  return inTurn(7, usage, async (turn) => {
    await client.query("UPDATE principal SET comments = $1 WHERE arn = $2", [`turn ${turn}`, users[turn]]);
    return (await ask(WHO(PLAIN), { resource: keys[turn] })).ms;
  });
}

function matrixOf({ users, keys }, turn) {
  return { principals: users.slice(turn * 20, turn * 20 + 20), resources: keys.slice(turn * 20, turn * 20 + 20) };
}

/** What everybody may do is said of everybody; and all pages together are as long as the first page says. */
async function isComplete(ask, { keys, people }, account) {
  const { data } = await ask(EVERYBODY, { account });
  const seen = new Set();
  let [total, after] = [0, null];
  do {
    const page = (await ask(WHO(PLAIN), { resource: keys[0], after })).data.whoCan;
    for (const { arn } of page.nodes) seen.add(arn);
    [total, after] = [page.totalCount, page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null];
  } while (after !== null);
  return { everybody: data.whoCan.totalCount === people, pages: seen.size === total };
}
