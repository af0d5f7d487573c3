import { describe, expect, it } from "vitest";
import type { JsonObject } from "../meta/object.ts";
import { builtinDocs } from "./builtin-docs.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { builtinTypeName, goStruct } from "./builtin-table.ts";
import { applySchemaDefaults } from "./decode.ts";
import table from "./kubernetes-1.36.json" with { type: "json" };
import type { TypeRef } from "./types.ts";

function structUnder(type: TypeRef): string | undefined {
	if (type.kind === "list") return structUnder(type.element);
	if (type.kind === "map") return structUnder(type.value);
	return type.kind === "struct" ? type.name : undefined;
}

describe("the built-in schema", () => {
	it("has every type that one of its types names", () => {
		for (const name of Object.keys(table.types)) {
			for (const field of builtinSchema.struct(name).fields.values()) {
				const under = structUnder(field.type);
				if (under !== undefined) expect(goStruct(under).name).toBe(under);
			}
		}
	});

	it("flattens inlined structs and keeps the marks", () => {
		const volume = builtinSchema.struct("core/v1.Volume");
		expect([...volume.fields.keys()].slice(0, 3)).toEqual(["name", "hostPath", "emptyDir"]);
		expect(builtinSchema.struct("core/v1.PodSpec").fields.get("volumes")).toMatchObject({
			type: { kind: "list", element: { kind: "struct", name: "core/v1.Volume" } },
			patchStrategy: ["merge", "retainKeys"],
			patchMergeKey: "name",
			listType: "map",
			listMapKeys: ["name"],
		});
		expect(builtinSchema.struct("core/v1.ServiceSpec").fields.get("ports")).toMatchObject({ listMapKeys: ["port", "protocol"] });
		expect(builtinSchema.struct("meta/v1.LabelSelector").structType).toBe("atomic");
		expect(builtinSchema.struct("apps/v1.DeploymentSpec").fields.get("strategy")).toMatchObject({ patchStrategy: ["retainKeys"] });
	});

	it("finds types by group, version and kind", () => {
		expect(builtinTypeName("", "v1", "Pod")).toBe("core/v1.Pod");
		expect(builtinTypeName("rbac.authorization.k8s.io", "v1", "Role")).toBe("rbac/v1.Role");
		expect(builtinTypeName("apps", "v1", "DeleteOptions")).toBe("meta/v1.DeleteOptions");
		expect(builtinTypeName("apps", "v1", "Pod")).toBeUndefined();
		expect(() => builtinSchema.struct("apps/v1.Nothing")).toThrow("apps/v1.Nothing");
	});

	it("has the descriptions of types and fields", () => {
		const docs = builtinDocs("core/v1.ContainerPort");
		expect(docs.description).toBe("ContainerPort represents a network port in a single container.");
		expect(docs.fields.get("protocol")).toBe('Protocol for port. Must be UDP, TCP, or SCTP. Defaults to "TCP".');
		expect(builtinDocs("no/v1.Such").fields.size).toBe(0);
	});

	it("fills defaults where something is missing, once", () => {
		const spec: JsonObject = { ports: [{ port: 80 }, { port: 53, protocol: "UDP" }] };
		applySchemaDefaults(builtinSchema, "core/v1.ServiceSpec", spec);
		expect(spec).toEqual({
			ports: [
				{ port: 80, protocol: "TCP" },
				{ port: 53, protocol: "UDP" },
			],
		});
		const probe: JsonObject = { grpc: { port: 1 } };
		applySchemaDefaults(builtinSchema, "core/v1.Probe", probe);
		expect(probe).toEqual({ grpc: { port: 1, service: "" } });
	});
});
