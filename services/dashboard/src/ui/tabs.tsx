import type { ReactNode } from 'react';
import { Tab, TabList, TabPanel, Tabs as AriaTabs } from 'react-aria-components/Tabs';

export interface TabOf<Id extends string> {
  readonly id: Id;
  readonly label: ReactNode;
  readonly content: ReactNode;
}

export function Tabs<Id extends string>({ label, tabs, selected, onSelect }: { label: string; tabs: readonly TabOf<Id>[]; selected?: Id; onSelect?: (id: Id) => void }) {
  return (
    <AriaTabs className="tabs" {...(selected === undefined ? {} : { selectedKey: selected })} onSelectionChange={(key) => onSelect?.(key as Id)}>
      <TabList className="tab-list" aria-label={label}>
        {tabs.map((tab) => <Tab key={tab.id} id={tab.id} className="tab">{tab.label}</Tab>)}
      </TabList>
      {tabs.map((tab) => <TabPanel key={tab.id} id={tab.id} className="tab-panel">{tab.content}</TabPanel>)}
    </AriaTabs>
  );
}
