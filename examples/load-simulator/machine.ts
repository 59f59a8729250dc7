// What this machine allows: a device is a connection, a connection an open file and a port.

import { readFile } from 'node:fs/promises';
import { ConfigError } from 'headwater/site';
import { count } from './words.js';

/** Besides the devices' connections: the proof's reader, files, pipes. */
const otherFiles = 64;

/** Throws a ConfigError that says which limit to raise. Where the system has no /proc nothing is known. */
export async function checkLimits(devices: number): Promise<void> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const [, soft, hard] = /^Max open files\s+(\w+)\s+(\w+)/m.exec(limits) ?? [];
  const needed = devices + otherFiles;
  if (soft !== undefined && Number(soft) < needed) {
    throw new ConfigError(
      `${count(devices)} devices need ${count(needed)} open files, and this process may have ${soft} (hard limit ${hard}): ` +
        `ulimit -n ${needed}; the proxy needs as many`,
    );
  }
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '');
  const [low, high] = range.trim().split(/\s+/).map(Number);
  if (low !== undefined && high !== undefined && high - low < devices) {
    throw new ConfigError(
      `${count(devices)} devices need as many ports, and net.ipv4.ip_local_port_range has ${low} to ${high}: ` +
        `sysctl -w net.ipv4.ip_local_port_range="10240 65535"`,
    );
  }
}
