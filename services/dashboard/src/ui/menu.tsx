import type { ReactNode } from 'react';
import { Menu as AriaMenu, MenuItem as AriaMenuItem, MenuTrigger } from 'react-aria-components/Menu';
import { Popover } from 'react-aria-components/Popover';
import { IconButton } from './button';
import { Icon, type IconName } from './icon';

export interface MenuAction {
  readonly id: string;
  readonly label: string;
  readonly icon?: IconName;
  readonly danger?: boolean;
  readonly isDisabled?: boolean;
  readonly act: () => void;
}

/** A button that opens a list of things to do. */
export function ActionMenu({ label, icon = 'dots', actions, trigger }: { label: string; icon?: IconName; actions: readonly MenuAction[]; trigger?: ReactNode }) {
  return (
    <MenuTrigger>
      {trigger ?? <IconButton icon={icon} label={label} look="plain" />}
      <Popover className="popover" placement="bottom end" offset={6}>
        <AriaMenu className="list-box" aria-label={label}>
          {actions.map(({ id, label: name, icon: sign, danger = false, isDisabled = false, act }) => (
            <AriaMenuItem key={id} id={id} textValue={name} isDisabled={isDisabled} onAction={act} className={danger ? 'option danger' : 'option'}>
              {sign !== undefined && <Icon name={sign} />}
              <span>{name}</span>
            </AriaMenuItem>
          ))}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}
