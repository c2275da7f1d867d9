import type { ReactNode } from 'react';
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from 'react-aria-components/Button';
import { Tooltip, TooltipTrigger } from 'react-aria-components/Tooltip';
import { Link } from 'wouter';
import { Icon, type IconName } from './icon';

export type Look = 'primary' | 'plain' | 'quiet' | 'danger' | 'live';

interface Dress {
  readonly look?: Look;
  readonly icon?: IconName;
  readonly small?: boolean;
}

const classes = (look: Look, small: boolean, extra?: string) => `button ${look}${small ? ' small' : ''}${extra === undefined ? '' : ` ${extra}`}`;

export interface ButtonProps extends Omit<AriaButtonProps, 'className' | 'children' | 'style'>, Dress {
  readonly children?: ReactNode;
  readonly className?: string;
  /** What it says while `isPending`; it stays in its place and keeps the focus. */
  readonly pendingLabel?: string;
}

export function Button({ look = 'plain', icon, small = false, className, children, pendingLabel, ...rest }: ButtonProps) {
  const pending = rest.isPending === true;
  return (
    <AriaButton {...rest} className={classes(look, small, className)}>
      {pending ? <span className="spinner" aria-hidden="true" /> : icon !== undefined && <Icon name={icon} />}
      <span>{pending && pendingLabel !== undefined ? pendingLabel : children}</span>
    </AriaButton>
  );
}

/** A button that is only an icon: its name is read aloud, and shown when it is pointed at or focused. */
export function IconButton({ icon, label, look = 'quiet', small = false, className, ...rest }: Omit<ButtonProps, 'children' | 'icon' | 'pendingLabel'> & { icon: IconName; label: string }) {
  return (
    <TooltipTrigger delay={500} closeDelay={0}>
      <AriaButton {...rest} aria-label={label} className={classes(look, small, className === undefined ? 'icon-only' : `icon-only ${className}`)}>
        <Icon name={icon} />
      </AriaButton>
      <Tooltip className="tooltip" offset={6}>{label}</Tooltip>
    </TooltipTrigger>
  );
}

/** Goes to another page of the dashboard, and looks like a button. */
export function ButtonLink({ href, look = 'plain', icon, small = false, children }: Dress & { href: string; children?: ReactNode }) {
  return (
    <Link href={href} className={classes(look, small)}>
      {icon !== undefined && <Icon name={icon} />}
      <span>{children}</span>
    </Link>
  );
}
