/** Which of a cluster's classes is the default one: of several the newest, and of equally new ones the first by name. */
import type { KubeObject } from "../../meta/object.ts";

export function defaultClassOf<T extends KubeObject>(classes: readonly T[], annotations: readonly string[]): T | undefined {
	const isDefault = ({ metadata }: T): boolean => annotations.some((name) => metadata.annotations?.[name] === "true");
	const created = ({ metadata }: T): string => metadata.creationTimestamp ?? "";
	const order = (a: T, b: T): number =>
		created(a) === created(b) ? ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1) : created(a) > created(b) ? -1 : 1;
	return classes.filter(isDefault).sort(order)[0];
}
