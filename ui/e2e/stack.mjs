// A small real system on loopback: Prometheus with rules, a sidecar, a bucket with blocks, a store,
// a compactor, a bucket viewer, a querier over it, and the same querier behind a proxy that strips
// its prefix. Everything lives in one temporary folder and ends with stop().
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// What must never run, in every place that text from outside can reach.
export const HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createSocketServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until `what()` gives something true; the last error tells why it never did. */
export async function until(name, what, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  let last = '';
  while (Date.now() < end) {
    try {
      const found = await what();
      if (found) return found;
    } catch (error) {
      last = String(error);
    }
    await pause(200);
  }
  throw new Error(`${name} did not come about within ${seconds} s ${last}`);
}

export async function getJson(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: HTTP ${answer.status}`);
  return (await answer.json()).data;
}

// Two weeks of counters and a gauge; with `series` also so many gauges over the last 17 hours, a
// thousand points of a minute each.
function history(endS, series) {
  const from = endS - 14 * 86400;
  const out = ['# TYPE demo_requests counter'];
  for (let path = 0; path < 4; ++path) {
    for (let t = from; t < endS; t += 120) {
      out.push(
        `demo_requests_total{job="demo",path="/page${path}"} ${((t - from) / 60) * (path + 1) * 6} ${t}`,
      );
    }
  }
  out.push('# TYPE demo_temperature_celsius gauge');
  for (let t = from; t < endS; t += 120) {
    out.push(
      `demo_temperature_celsius{job="demo"} ${(20 + 5 * Math.sin((t / 86400) * 6.28318)).toFixed(2)} ${t}`,
    );
  }
  out.push('# TYPE demo_hostile gauge');
  for (let t = endS - 7200; t < endS; t += 120) {
    out.push(`demo_hostile{job="demo",text="${HOSTILE.replaceAll('"', '\\"')}"} 1 ${t}`);
  }
  if (series > 0) out.push('# TYPE demo_load gauge');
  for (let i = 0; i < series; ++i) {
    for (let t = endS - 61_200; t < endS; t += 60) {
      out.push(
        `demo_load{job="demo",n="${i}"} ${(i + 10 * Math.sin(t / 3000 + i) + 3 * Math.sin(t / 211 + 7 * i)).toFixed(3)} ${t}`,
      );
    }
  }
  return out.join('\n') + '\n# EOF\n';
}

const RULES = `groups:
  - name: demo
    interval: 1s
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: AlwaysOn
        expr: vector(1)
        labels: {severity: page}
        annotations:
          summary: 'Always on <script>window.hacked=1</script>'
          description: 'javascript:window.hacked=1'
          runbook: 'https://example.org/runbook'
      - alert: NeverOn
        expr: up == 2
        for: 5m
        labels: {severity: warn}
      - alert: Waits
        expr: vector(2)
        for: 10m
`;

function stripper(prefix, port) {
  const server = createServer((incoming, outgoing) => {
    if (!incoming.url.startsWith(prefix + '/')) {
      outgoing.writeHead(404).end('not below the prefix');
      return;
    }
    const passed = request(
      {
        host: '127.0.0.1',
        port,
        method: incoming.method,
        path: incoming.url.slice(prefix.length),
        headers: incoming.headers,
      },
      (answer) => {
        outgoing.writeHead(answer.statusCode, answer.headers);
        answer.pipe(outgoing);
      },
    );
    passed.on('error', () => outgoing.writeHead(502).end());
    incoming.pipe(passed);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/**
 * Starts all of it; `binary` is ours. `goPeer`: another Thanos that becomes a querier over the same
 * endpoints; `series`: how many gauges of a thousand points there are.
 */
export async function startStack(binary, { goPeer = '', series = 0 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'thanos-ui-'));
  const processes = [];
  let proxy = null;
  const at = (name) => join(folder, name);
  const stop = async () => {
    proxy?.close();
    proxy?.closeAllConnections();
    for (const child of processes) child.kill('SIGTERM');
    await Promise.all(
      processes.map((child) =>
        child.exitCode !== null || child.signalCode !== null
          ? null
          : Promise.race([
              new Promise((resolve) => child.once('exit', resolve)),
              pause(5000).then(() => child.kill('SIGKILL')),
            ]),
      ),
    );
    rmSync(folder, { recursive: true, force: true });
  };
  const start = (name, command, args) => {
    const log = openSync(at(`${name}.log`), 'w');
    processes.push(spawn(command, args, { stdio: ['ignore', log, log] }));
  };
  try {
    for (const name of ['prometheus', 'bucket', 'store', 'compact']) mkdirSync(at(name));
    const end = (Math.floor(Date.now() / 7_200_000) - 1) * 7200;
    writeFileSync(at('history.om'), history(end, series));
    execFileSync(
      'promtool',
      ['tsdb', 'create-blocks-from', 'openmetrics', at('history.om'), at('prometheus')],
      { stdio: 'ignore' },
    );
    const [
      promPort,
      sideHttp,
      sideGrpc,
      storeHttp,
      storeGrpc,
      queryHttp,
      queryGrpc,
      compactHttp,
      webHttp,
      prefixHttp,
      prefixGrpc,
      goHttp,
      goGrpc,
    ] = await Promise.all(Array.from({ length: 13 }, freePort));
    const local = (port) => `127.0.0.1:${port}`;
    writeFileSync(at('rules.yml'), RULES);
    writeFileSync(
      at('prometheus.yml'),
      `global: {scrape_interval: 1s, evaluation_interval: 1s, external_labels: {cluster: demo, replica: a}}
rule_files: ["${at('rules.yml')}"]
scrape_configs:
  - job_name: prometheus
    static_configs: [{targets: ["${local(promPort)}"]}]
  - job_name: gone
    static_configs: [{targets: ["127.0.0.1:1"]}]
  - job_name: dropped
    static_configs: [{targets: ["127.0.0.1:2"]}]
    relabel_configs: [{action: drop, source_labels: [__address__], regex: .*}]
`,
    );
    writeFileSync(at('bucket.yml'), `type: FILESYSTEM\nconfig: {directory: "${at('bucket')}"}\n`);
    const bucket = `--objstore.config-file=${at('bucket.yml')}`;
    start('prometheus', 'prometheus', [
      `--config.file=${at('prometheus.yml')}`,
      `--storage.tsdb.path=${at('prometheus')}`,
      `--web.listen-address=${local(promPort)}`,
      '--storage.tsdb.min-block-duration=2h',
      '--storage.tsdb.max-block-duration=2h',
      '--storage.tsdb.retention.time=10y',
    ]);
    start('sidecar', binary, [
      'sidecar',
      `--prometheus.url=http://${local(promPort)}`,
      `--tsdb.path=${at('prometheus')}`,
      bucket,
      `--http-address=${local(sideHttp)}`,
      `--grpc-address=${local(sideGrpc)}`,
    ]);
    const shipped = () =>
      execFileSync('sh', ['-c', `find '${at('bucket')}' -name meta.json | wc -l`])
        .toString()
        .trim();
    const made = execFileSync('sh', ['-c', `find '${at('prometheus')}' -name meta.json | wc -l`])
      .toString()
      .trim();
    await until('shipping of the history', () => Number(shipped()) >= Number(made), 120);
    start('store', binary, [
      'store',
      `--data-dir=${at('store')}`,
      bucket,
      '--sync-block-duration=5s',
      `--http-address=${local(storeHttp)}`,
      `--grpc-address=${local(storeGrpc)}`,
    ]);
    const endpoints = [
      `--endpoint=${local(sideGrpc)}`,
      `--endpoint=${local(storeGrpc)}`,
      '--query.replica-label=replica',
    ];
    start('query', binary, [
      'query',
      ...endpoints,
      '--endpoint-strict=127.0.0.1:3',
      `--http-address=${local(queryHttp)}`,
      `--grpc-address=${local(queryGrpc)}`,
    ]);
    start('prefix', binary, [
      'query',
      ...endpoints,
      '--web.external-prefix=/some/where',
      '--web.route-prefix=/',
      `--http-address=${local(prefixHttp)}`,
      `--grpc-address=${local(prefixGrpc)}`,
    ]);
    start('compact', binary, [
      'compact',
      '--wait',
      '--wait-interval=1h',
      `--data-dir=${at('compact')}`,
      bucket,
      '--bucket-web-label=cluster',
      '--consistency-delay=0s',
      '--block-viewer.global.sync-block-interval=2s',
      `--http-address=${local(compactHttp)}`,
    ]);
    start('web', binary, [
      'tools',
      'bucket',
      'web',
      bucket,
      '--label=cluster',
      '--refresh=2s',
      `--http-address=${local(webHttp)}`,
    ]);
    if (goPeer)
      start('go', goPeer, [
        'query',
        ...endpoints,
        `--http-address=${local(goHttp)}`,
        `--grpc-address=${local(goGrpc)}`,
      ]);
    proxy = await stripper('/some/where', prefixHttp);
    const base = (port) => `http://${local(port)}/`;
    const stack = {
      folder,
      query: base(queryHttp),
      store: base(storeHttp),
      compact: base(compactHttp),
      bucket: base(webHttp),
      go: goPeer ? base(goHttp) : '',
      prefixed: `${base(proxy.address().port)}some/where/`,
      end,
      log: (name) => readFileSync(at(`${name}.log`), 'utf8'),
      stop,
    };
    for (const name of ['query', 'store', 'compact', 'bucket', ...(goPeer ? ['go'] : [])]) {
      await until(`role ${name}`, async () => (await fetch(`${stack[name]}-/ready`)).ok, 60);
    }
    await until('rules and targets behind the querier', async () => {
      const rules = await getJson(`${stack.query}api/v1/rules?type=alert`);
      const targets = await getJson(`${stack.query}api/v1/targets`);
      const firing = rules.groups.some((group) =>
        group.rules.some((rule) => rule.state === 'firing'),
      );
      return (
        firing &&
        targets.activeTargets.some((one) => one.health === 'up') &&
        targets.activeTargets.some((one) => one.health === 'down')
      );
    });
    // The compactor has made and downsampled what it can: from here on the bucket rests.
    await until(
      'the first iteration of the compactor',
      async () =>
        /thanos_compact_iterations_total 1/.test(
          await (await fetch(`${stack.compact}metrics`)).text(),
        ),
      180,
    );
    return stack;
  } catch (error) {
    for (const name of ['prometheus', 'sidecar', 'store', 'query', 'compact', 'web']) {
      try {
        console.error(
          `--- ${name}\n${readFileSync(at(`${name}.log`), 'utf8')
            .split('\n')
            .slice(-8)
            .join('\n')}`,
        );
      } catch {
        // It was never started.
      }
    }
    await stop();
    throw error;
  }
}
