import { ContainerdRuntime } from "./runtime/containerd/containerd-runtime.ts";
import { buildExampleImage } from "./image/example-image.ts";
import { readFileSync, mkdirSync } from "node:fs";
const d="/tmp/e-dbg/data"; mkdirSync(d,{recursive:true});
const rt = new ContainerdRuntime({dataDir:d, containerd:"containerd", cniPluginDir:"/usr/lib/cni"});
await rt.start(); await rt.setPodCidr("10.198.0.0/24");
const img = await buildExampleImage({dataDir:d}); await rt.importImage(img.tarPath);
const n="p"+Date.now();
const container={name:"main",image:img.ref, command: process.argv.slice(2), stdin:false};
const pod={apiVersion:"v1",kind:"Pod",metadata:{name:n,namespace:"default",uid:n},spec:{containers:[container]}} as never;
const sc={pod,attempt:0,hostname:n,logDirectory:`/tmp/e-dbg/logs/${n}`,dns:{servers:["10.96.0.10"],searches:[],options:[]},cgroupParent:""};
const sb=await rt.runSandbox(sc);
const id=await rt.createContainer(sb.id,{pod,container:container as never,attempt:0,imageRef:img.ref,env:[],command:container.command,mounts:[],logPath:"0.log",specHash:"x"},sc);
await rt.startContainer(id);
for(let i=0;i<100;i++){ const s=(await rt.listContainers()).find(c=>c.id===id); let t=""; try{t=readFileSync(sc.logDirectory+"/0.log","utf8");}catch{}; console.log(i,s?.state,s?.exitCode,t.length,t.split("\n").length); if(s?.state==="exited"&&i>20 && true)break; await new Promise(r=>setTimeout(r,50)); }
await rt.stop({removeAll:true});
