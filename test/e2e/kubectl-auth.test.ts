/** Who may do what: ServiceAccounts' tokens, roles, can-i; and clusters of a deployment that serves many. */
import "reflect-metadata";
import { X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { beforeAll, describe, expect, it } from "vitest";
import { createOwnerToken } from "../../src/cli/tokens.ts";
import { Kubectl } from "./support/kubectl.ts";
import { runPetrel } from "./support/petrel.ts";
import { useControlPlane } from "./support/cluster.ts";

const KEY_ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

describe("kubectl and authorisation", () => {
	const plane = useControlPlane();
	const { kubectl } = plane;
	let token: string;
	/** With a kubeconfig user of no own credentials, --token alone speaks. */
	const asRobot = (...args: string[]): string[] => [...args, `--token=${token}`, "-n", "team"];

	beforeAll(async () => {
		await kubectl.run("create", "namespace", "team");
		await kubectl.run("create", "serviceaccount", "robot", "-n", "team");
		token = (await kubectl.run("create", "token", "robot", "-n", "team", "--duration=1h")).trim();
	});

	it("whoami", async () => {
		expect(await kubectl.run("auth", "whoami")).toMatch(/Username +kubernetes-admin\nGroups +\[system:masters system:authenticated\]/);
		const text = await kubectl.run(...asRobot("auth", "whoami"));
		expect(text).toMatch(/Username +system:serviceaccount:team:robot\n/);
		expect(text).toMatch(/Groups +\[system:serviceaccounts system:serviceaccounts:team system:authenticated\]/);
	});

	it("forbids what no role allows, in upstream's words", async () => {
		const forbidden = (rest: string): string => `Error from server (Forbidden): ${rest}\n`;
		expect(await kubectl.fails(asRobot("get", "pods"))).toBe(
			forbidden('pods is forbidden: User "system:serviceaccount:team:robot" cannot list resource "pods" in API group "" in the namespace "team"'),
		);
		expect(await kubectl.fails(asRobot("get", "nodes"))).toBe(
			forbidden('nodes is forbidden: User "system:serviceaccount:team:robot" cannot list resource "nodes" in API group "" at the cluster scope'),
		);
		expect(await kubectl.fails(asRobot("delete", "deployment", "web"))).toBe(
			forbidden(
				'deployments.apps "web" is forbidden: User "system:serviceaccount:team:robot" cannot delete resource "deployments" in API group "apps" in the namespace "team"',
			),
		);
		expect(await kubectl.fails(["get", "pods", "--as=nobody"])).toBe(
			forbidden('pods is forbidden: User "nobody" cannot list resource "pods" in API group "" in the namespace "default"'),
		);
		expect(await kubectl.fails(["get", "pods", "--token=wrong"])).toBe("error: You must be logged in to the server (Unauthorized)\n");
	});

	it("allows what a role allows, from the moment it is bound", async () => {
		await kubectl.run("create", "role", "reader", "-n", "team", "--verb=get,list,watch", "--resource=configmaps");
		await kubectl.run("create", "rolebinding", "robot-reads", "-n", "team", "--role=reader", "--serviceaccount=team:robot");
		expect(await kubectl.run(...asRobot("get", "configmaps"))).toContain("kube-root-ca.crt");
		expect(await kubectl.fails(asRobot("create", "configmap", "x"))).toContain('cannot create resource "configmaps" in API group "" in the namespace "team"');
		await kubectl.run("create", "clusterrole", "node-reader", "--verb=get,list", "--resource=nodes");
		await kubectl.run("create", "clusterrolebinding", "robot-nodes", "--clusterrole=node-reader", "--serviceaccount=team:robot");
		expect((await kubectl.try(asRobot("get", "nodes"))).stderr).toBe("No resources found\n");
		await kubectl.run("delete", "rolebinding", "robot-reads", "-n", "team");
		expect(await kubectl.fails(asRobot("get", "configmaps"))).toContain("is forbidden");
	});

	it("keeps a robot from giving itself more than it has", async () => {
		await kubectl.run("create", "role", "role-maker", "-n", "team", "--verb=create", "--resource=roles");
		await kubectl.run("create", "rolebinding", "robot-makes-roles", "-n", "team", "--role=role-maker", "--serviceaccount=team:robot");
		const refused = await kubectl.fails(asRobot("create", "role", "more", "--verb=delete", "--resource=secrets"));
		expect(refused).toContain('roles.rbac.authorization.k8s.io "more" is forbidden: user "system:serviceaccount:team:robot"');
		expect(refused).toContain("is attempting to grant RBAC permissions not currently held");
	});

	it("can-i", async () => {
		expect(await kubectl.run("auth", "can-i", "create", "pods")).toBe("yes\n");
		expect(await kubectl.try(["auth", "can-i", "delete", "pods", "--as=nobody"])).toMatchObject({ code: 1, stdout: "no\n" });
		expect(await kubectl.run("auth", "can-i", "--list")).toMatch(/^\*\.\* +\[\] +\[\] +\[\*\]$/m);
		expect(await kubectl.run(...asRobot("auth", "can-i", "--list"))).toMatch(/^selfsubjectreviews\.authentication\.k8s\.io +\[\] +\[\] +\[create\]$/m);
	});

	it("certificate approve: the cluster's CA signs what somebody vouches for", async () => {
		const keys = (await crypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"])) as CryptoKeyPair;
		const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: "O=devs, CN=jane", keys, signingAlgorithm: KEY_ALGORITHM });
		const spec = { request: btoa(request.toString("pem")), signerName: "kubernetes.io/kube-apiserver-client", usages: ["client auth"] };
		await kubectl.apply({ apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: { name: "jane" }, spec });
		expect(await kubectl.run("get", "csr", "jane")).toMatch(/jane +\S+ +kubernetes.io\/kube-apiserver-client +kubernetes-admin +<none> +Pending\n/);
		expect(await kubectl.run("certificate", "approve", "jane")).toBe("certificatesigningrequest.certificates.k8s.io/jane approved\n");
		expect(await kubectl.run("get", "csr", "jane")).toMatch(/Approved,Issued\n/);
		const pem = atob(await kubectl.run("get", "csr", "jane", "-o", "jsonpath={.status.certificate}"));
		const issued = new X509Certificate(pem);
		expect(issued.subject).toBe("O=devs\nCN=jane");
		expect(issued.verify(new X509Certificate(plane.data.read("ca.crt") ?? "").publicKey)).toBe(true);
	});

	it("serves clusters to accounts, each with a kubeconfig of its own", async () => {
		const where = ["--server", plane.url, "--ca-file", plane.data.file("ca.crt")];
		const asOwner = [...where, "--token", await createOwnerToken(plane.data.read("signing-key.json") ?? "", Date.now())];
		const petrel = async (...args: string[]): Promise<string> => {
			const { code, stdout, stderr } = await runPetrel(args);
			expect(`${code} ${stderr}`).toBe("0 ");
			return stdout;
		};
		const token = (await petrel("account", "create", "acme", "--max-clusters", "1", ...asOwner)).trim();
		expect(await petrel("account", "list", ...asOwner)).toMatch(/^NAME +MAX CLUSTERS +TOKENS +CREATED\nacme +1 +[0-9a-f]{12} +\d{4}-/);
		const asAcme = [...where, "--token", token];
		plane.data.write("kubeconfig-staging", await petrel("cluster", "create", "staging", ...asAcme));
		const staging = new Kubectl(plane.data.file("kubeconfig-staging"));
		await staging.run("create", "configmap", "settings", "--from-literal=colour=blue");
		expect(await staging.run("get", "namespaces", "-o", "name")).toBe(
			"namespace/default\nnamespace/kube-node-lease\nnamespace/kube-public\nnamespace/kube-system\n",
		);
		expect(await kubectl.fails(["get", "configmap", "settings"])).toContain("not found");
		expect(await petrel("cluster", "list", ...asAcme)).toMatch(/^NAME +ACCOUNT +PHASE +CREATED\nstaging +acme +Active +\d{4}-/);
		expect((await runPetrel(["cluster", "create", "more", ...asAcme])).stderr).toContain('exceeded quota: account "acme" has its 1 clusters');
		plane.data.write("kubeconfig-again", await petrel("cluster", "kubeconfig", "staging", ...asAcme));
		expect(await new Kubectl(plane.data.file("kubeconfig-again")).run("auth", "can-i", "create", "nodes")).toContain("yes");
		expect(await petrel("cluster", "delete", "staging", ...asAcme)).toBe('cluster "staging" deleted\n');
		expect(await staging.fails(["get", "configmaps"])).toContain("there is no such cluster");
	});

	it("makes, lists and revokes the tokens that nodes join with", async () => {
		const where = ["--kubeconfig", plane.data.file("kubeconfig")];
		const token = (await runPetrel(["node", "token", "create", "--ttl", "600", "--description", "a rack", ...where])).stdout.trim();
		expect(token).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}$/);
		expect(await kubectl.run("auth", "whoami", `--token=${token}`)).toMatch(
			/Username +system:bootstrap:[a-z0-9]{6}\nGroups +\[system:bootstrappers system:bootstrappers:petrel:default-node-token /,
		);
		const [id] = token.split(".");
		expect((await runPetrel(["node", "token", "list", ...where])).stdout).toMatch(new RegExp(`^ID +EXPIRES +DESCRIPTION\n${id} +\\d{4}-[^ ]+ +a rack\n$`));
		expect((await runPetrel(["node", "token", "delete", token, ...where])).stdout).toBe(`token "${id}" deleted\n`);
		expect((await runPetrel(["node", "token", "list", ...where])).stdout).not.toContain(id);
	});

	it("ends a token with its ServiceAccount", async () => {
		await kubectl.run("create", "serviceaccount", "brief");
		const brief = (await kubectl.run("create", "token", "brief")).trim();
		await kubectl.run("delete", "serviceaccount", "brief");
		expect(await kubectl.fails(["auth", "whoami", `--token=${brief}`])).toContain("Unauthorized");
		expect(await kubectl.fails(["create", "token", "brief"])).toBe('error: failed to create token: serviceaccounts "brief" not found\n');
		expect(await kubectl.fails(["create", "token", "default", "--duration=1m"])).toContain("may not specify a duration less than 10 minutes");
	});
});
