// The flags of this process.
import type { PageProps } from '../../app/routes';
import { setParams } from '../../app/router';
import { useCall } from '../../api/use_call';
import { CopyButton, FilterBox, Page } from '../../components/controls';
import { SortHead } from '../../components/sorting';
import { DataRegion, Empty } from '../../components/states';
import { matcherOf } from '../../lib/match';
import { plural } from '../../lib/format';
import { sorted } from '../../lib/sorted';
import '../../components/lists.css';

type Flags = Record<string, string>;

export default function FlagsPage({ params }: PageProps) {
  const call = useCall<Flags>('api/v1/status/flags');
  const text = params.get('text') ?? '';
  const sort = params.get('sort') ?? 'name';
  return (
    <Page
      title="Flags"
      tools={
        <FilterBox value={text} label="Find a flag" onInput={(next) => setParams({ text: next })} />
      }
    >
      <DataRegion
        call={call}
        isEmpty={(flags) => Object.keys(flags).length === 0}
        empty={<Empty title="This process has no flags" />}
      >
        {(flags) => <Table flags={flags} text={text} sort={sort} />}
      </DataRegion>
    </Page>
  );
}

function Table({ flags, text, sort }: { flags: Flags; text: string; sort: string }) {
  const matches = matcherOf(text);
  const rows = Object.entries(flags).filter(([name, value]) => matches([name, value]));
  const shown = sorted(rows, sort, { name: ([name]) => name, value: ([, value]) => value });
  if (shown.length === 0) return <Empty title={`No flag has "${text}" in its name or value`} />;
  const commandLine = (): string =>
    shown
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `--${name}=${value}`)
      .join('\n');
  return (
    <>
      <div class="toolbar">
        <span class="muted">{plural(shown.length, 'flag')}</span>
        <span class="push">
          <CopyButton text={commandLine} label="Copy these" />
        </span>
      </div>
      <div class="table-box" tabIndex={0} role="region" aria-label="Flags">
        <table>
          <thead>
            <tr>
              <SortHead name="name" text="Flag" sort={sort} />
              <SortHead name="value" text="Value" sort={sort} />
            </tr>
          </thead>
          <tbody>
            {shown.map(([name, value]) => (
              <tr key={name}>
                <td class="mono nowrap">--{name}</td>
                <td class="mono wrap">{value === '' ? <span class="muted">empty</span> : value}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
