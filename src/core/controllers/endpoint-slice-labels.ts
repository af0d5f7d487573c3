/** The labels that tie EndpointSlices to their Service and to who keeps them. */
import type { KubeObject } from "../meta/object.ts";
import { labelsOf } from "./identity.ts";

export const ENDPOINT_SLICES = "discovery.k8s.io/endpointslices";
export const SERVICE_NAME = "kubernetes.io/service-name";
export const MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
export const SLICE_MANAGER = "endpointslice-controller.k8s.io";

export const isOwnSlice = (slice: KubeObject): boolean => labelsOf(slice)[MANAGED_BY] === SLICE_MANAGER;
