/**
 * Services under faults: no address or node port is ever two Services'; in the end Endpoints and EndpointSlices name the pods that are
 * ready, the addresses that are held are those of Services, and every node's network table says the same.
 */
import { runServicesStorm } from "./services-storm.ts";
import { stormTest } from "./storm.ts";

stormTest("services", "addresses are one's own, endpoints and network tables those of what is ready", runServicesStorm);
