/**
 * The rules of the house: imports go only to the right.
 *
 *   server, cli -> graphql -> { decisions | administration } -> store -> domain
 *
 * Type-only imports count. Each comment says what to do instead. test/architecture breaks every rule once, on purpose.
 */
const GENERATED = "^src/[a-z]+/generated/";

/** From a layer only to the layers named; packages, and config.ts, app.ts and main.ts, have rules of their own. */
const layer = (name, from, allowed, comment) => ({
  name: `${name}-only-to-the-right`,
  severity: "error",
  comment,
  from: { path: `^src/(${from.join("|")})/` },
  to: { path: "^src/[^/]+/", pathNot: `^src/(${[...from, ...allowed].join("|")})/` },
});

/** A package only in the places that are made for it. */
const onlyIn = (name, packages, places, comment) => ({
  name,
  severity: "error",
  comment,
  from: { path: "^src/", pathNot: [GENERATED, ...places] },
  to: { path: packages.map((pattern) => `node_modules/${pattern}`) },
});

module.exports = {
  forbidden: [
    {
      name: "domain-is-pure",
      severity: "error",
      comment:
        "domain/ computes and nothing else. Time, addresses and tags arrive in the request as arguments; what needs " +
        "I/O belongs to store/, or to the use case that calls the domain. A package is welcome only if it is pure: " +
        "add it to this list then.",
      from: { path: "^src/domain/" },
      to: { pathNot: ["^src/domain/"] },
    },
    layer(
      "store",
      ["store"],
      ["domain"],
      "store/ gives records and snapshots to whoever asks. Pass what it needs as an argument, or move the code that " +
        "decides something into decisions/ or administration/.",
    ),
    {
      name: "decisions-and-administration-meet-in-store",
      severity: "error",
      comment:
        "Answering questions and changing who may do what know nothing of each other; they meet at the revision " +
        "vector in store/. What both need goes to domain/ (a computation) or store/ (a query); to combine the two, " +
        "pass a function in from app.ts.",
      from: { path: "^src/(decisions|administration)/" },
      to: { path: "^src/(decisions|administration)/", pathNot: "^src/$1/" },
    },
    layer(
      "use-cases",
      ["decisions", "administration"],
      ["store", "domain"],
      "A use case takes plain arguments and returns plain results. Let graphql/, server/ and cli/ translate, and let " +
        "app.ts pass in what comes from outside.",
    ),
    layer(
      "graphql",
      ["graphql"],
      ["decisions", "administration", "store", "domain"],
      "graphql/ is a thin skin over use cases. What it needs of the request is in its context, which server/ fills.",
    ),
    {
      name: "server-and-cli-are-siblings",
      severity: "error",
      comment: "Both are ways in. What both need is a use case; what wires them is app.ts.",
      from: { path: "^src/(server|cli)/" },
      to: { path: "^src/(server|cli)/", pathNot: "^src/$1/" },
    },
    {
      name: "config-is-read-at-the-root",
      severity: "error",
      comment: "Take the one value you need as an argument; app.ts has the configuration.",
      from: { path: "^src/", pathNot: "^src/(app|main|supervisor|worker|config|redaction)\\.ts$|^src/(server|cli)/" },
      to: { path: "^src/config\\.ts$" },
    },
    {
      name: "only-entry-points-compose",
      severity: "error",
      comment: "app.ts puts everything together, so nothing that it puts together may know it. Take an argument.",
      from: { path: "^src/", pathNot: "^src/(app|main|supervisor|worker)\\.ts$|^src/cli/" },
      to: { path: "^src/(app|main)\\.ts$" },
    },
    onlyIn(
      "redis-stays-in-its-adapter",
      ["ioredis/"],
      ["^src/decisions/(redis-decision-cache|open-redis)\\.ts$"],
      "Use the DecisionCache port; only its Redis adapter and open-redis, which connects, know Redis.",
    ),
    onlyIn(
      "prisma-stays-in-store",
      ["@prisma/", "prisma/", "pg/"],
      ["^src/store/", "^src/app\\.ts$"],
      "Write the query in store/ and call it from there. Records for GraphQL come through the Pothos Prisma plugin.",
    ),
    onlyIn(
      "opentelemetry-stays-in-its-file",
      ["@opentelemetry/"],
      ["^src/server/open-telemetry\\.ts$"],
      "It is loaded only where traces are wanted, and nobody else knows of it: use InStage, OnStatement or OnCommand.",
    ),
    {
      name: "prisma-types-stay-in-store",
      severity: "error",
      comment: "Return a plain type from store/. Only the Pothos builder is typed by the Prisma client.",
      from: { path: "^src/", pathNot: ["^src/store/", "^src/graphql/builder\\.ts$", GENERATED] },
      to: { path: "^src/store/generated/" },
    },
    onlyIn(
      "graphql-stays-in-its-skin",
      ["graphql/", "graphql-yoga/", "@pothos/", "@graphql-yoga/", "dataloader/"],
      ["^src/graphql/", "^src/server/", "^src/cli/", "^src/app\\.ts$"],
      "A use case knows no GraphQL: give it plain arguments and throw typed errors; graphql/errors.ts translates them.",
    ),
    {
      name: "no-cycles",
      severity: "error",
      comment: "Move what both need into a file of its own, named after what it is.",
      from: { path: "^src/", pathNot: GENERATED },
      to: { circular: true, viaOnly: { pathNot: [GENERATED] } },
    },
    {
      name: "nothing-from-outside-src",
      severity: "error",
      comment: "The product does not use its tests, benchmarks or scripts. Move the code to src/.",
      from: { path: "^src/" },
      to: { path: "^(test|bench|scripts)/" },
    },
    {
      name: "no-development-dependency",
      severity: "error",
      comment: "It is not there in production: move the package to `dependencies`, or do without.",
      from: { path: "^src/", pathNot: GENERATED },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "no-undeclared-package",
      severity: "error",
      comment: "It is there by chance, through another package: add it to package.json with its exact version.",
      from: { path: "^src/", pathNot: GENERATED },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    },
    {
      name: "everything-resolves",
      severity: "error",
      comment: "A rule cannot see what cannot be found. Run `npm run build` for generated files, or mend the path.",
      from: { path: "^src/" },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: `${__dirname}/tsconfig.json` },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
    parser: "tsc",
  },
};
