/** A volume with zone or region labels is used in that zone or region. */
import { type FilterPlugin, nodeOf, type Rejection } from "../plugin.ts";

const ELSEWHERE: Rejection = { reasons: ["node(s) had no available volume zone"], resolvable: false };
const KEYS = [
	"topology.kubernetes.io/zone",
	"topology.kubernetes.io/region",
	"failure-domain.beta.kubernetes.io/zone",
	"failure-domain.beta.kubernetes.io/region",
];
/** Between the zones of a volume that is in several. */
const SEPARATOR = "__";

export const volumeZone: FilterPlugin = {
	name: "VolumeZone",
	filter({ volumeClaims }, { objects }) {
		const wanted = volumeClaims.flatMap(({ spec }) => {
			const labels = (spec?.volumeName && objects.volume(spec.volumeName)?.metadata.labels) || {};
			return KEYS.filter((key) => labels[key] !== undefined).map((key) => ({ key, values: (labels[key] ?? "").split(SEPARATOR) }));
		});
		if (wanted.length === 0) return undefined;
		return (node) => {
			// Nodes without any such label belong to a cluster of one zone.
			if (!KEYS.some((key) => node.labels[key] !== undefined)) return undefined;
			return wanted.every(({ key, values }) => values.includes(node.labels[key] ?? "")) ? undefined : ELSEWHERE;
		};
	},
	helps: (happening) => (happening.type === "objectChanged" ? happening.resource === "persistentvolumes" : nodeOf(happening, "labels") !== undefined),
};
