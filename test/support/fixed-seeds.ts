/** `npm test` draws the same examples each time, so that it fails only for what a change did. FC_SEED chooses others. */
import fc from "fast-check";

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.FC_SEED ?? 1) });
