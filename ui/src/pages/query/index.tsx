import { Page } from '../../components/controls';
import { Empty } from '../../components/states';

export default function QueryPage() {
  return (
    <Page title="Query">
      <Empty title="Nothing yet" />
    </Page>
  );
}
