/** A Service as one IP family has it. */
import type { PortEntry, ServiceEntry } from "../../core/protocol/agent-protocol.ts";
import { type NftFamily, nftFamilyOf } from "./nft-family.ts";

/** Its addresses, of each family that it has; a headless one has none. */
export const serviceAddresses = ({ clusterIP, clusterIPs }: ServiceEntry): string[] =>
	(clusterIPs ?? [clusterIP]).filter((address) => address !== "" && address !== "None");

/** Undefined where the Service has no address of the family: its node ports then are not the family's either. */
export function serviceInFamily(service: ServiceEntry, family: NftFamily): ServiceEntry | undefined {
	const clusterIP = serviceAddresses(service).find((address) => nftFamilyOf(address) === family);
	if (clusterIP === undefined) return undefined;
	const own = <T extends { ip: string }>(endpoints: readonly T[]): T[] => endpoints.filter(({ ip }) => nftFamilyOf(ip) === family);
	const ports = service.ports.map((port): PortEntry => ({ ...port, endpoints: own(port.endpoints), ...(port.draining && { draining: own(port.draining) }) }));
	const inFamily = (addresses: readonly string[]): string[] => addresses.filter((address) => nftFamilyOf(address.trim()) === family);
	return {
		...service,
		clusterIP,
		ports,
		...(service.externalIPs && { externalIPs: inFamily(service.externalIPs) }),
		// Ranges of the other family alone let nobody in.
		...(service.sourceRanges && { sourceRanges: inFamily(service.sourceRanges) }),
	};
}
