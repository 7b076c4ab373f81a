import type { Caller } from "../domain/caller.js";
import { builder } from "./builder.js";

export const ViewerKind = builder.enumType("ViewerKind", {
  description: "What the sender of a request is.",
  values: {
    OPERATOR: { description: "Runs the gateway: may do everything in every account." },
    PRINCIPAL: { description: "Acts for a RAM principal." },
  } satisfies Record<Caller["kind"], { description: string }>,
});
