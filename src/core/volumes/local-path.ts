/** The built-in storage class: a directory on the node that the first pod goes to. */
import type { Node, PersistentVolume, StorageClass } from "../schema/kubernetes.d.ts";
import { PROVISIONED_BY } from "./claim-annotations.ts";

export const LOCAL_PATH_PROVISIONER = "petrel.dev/local-path";
/** On a Node: the directory that its agent keeps volumes in. */
export const LOCAL_PATH_ANNOTATION = "petrel.dev/local-path";
/** Keeps a volume's object until its directory is gone, as an external provisioner's does. */
export const LOCAL_PATH_FINALIZER = "external-provisioner.volume.kubernetes.io/finalizer";
export const HOSTNAME_LABEL = "kubernetes.io/hostname";

export const localPathClass: StorageClass = {
	apiVersion: "storage.k8s.io/v1",
	kind: "StorageClass",
	metadata: { name: "local-path", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
	provisioner: LOCAL_PATH_PROVISIONER,
	reclaimPolicy: "Delete",
	volumeBindingMode: "WaitForFirstConsumer",
	allowVolumeExpansion: true,
};

export const isLocalPathVolume = ({ metadata }: PersistentVolume): boolean => metadata.annotations?.[PROVISIONED_BY] === LOCAL_PATH_PROVISIONER;

export const localPathOf = ({ metadata }: Node): string | undefined => metadata.annotations?.[LOCAL_PATH_ANNOTATION];

/** A directory of the node's own for each volume: names of claims may come again. */
export const volumeDirectory = (base: string, volume: string, namespace: string, claim: string): string =>
	`${base.replace(/\/+$/, "")}/${volume}_${namespace}_${claim}`;
