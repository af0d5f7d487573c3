/** StatefulSets under faults: crashes, lost messages, cut nodes. Two containers of one ordinal must never run at once. */
import { runStatefulSetStorm } from "./statefulset-storm.ts";
import { stormTest } from "./storm.ts";

stormTest("statefulset", "never two of one ordinal, and in the end what was asked for", runStatefulSetStorm);
