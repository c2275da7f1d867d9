import { useId, useState, type ReactNode } from 'react';
import { Checkbox as AriaCheckbox } from 'react-aria-components/Checkbox';
import { FieldError } from 'react-aria-components/FieldError';
import { Input } from 'react-aria-components/Input';
import { Label } from 'react-aria-components/Label';
import { ListBox, ListBoxItem } from 'react-aria-components/ListBox';
import { Popover } from 'react-aria-components/Popover';
import { Radio, RadioGroup } from 'react-aria-components/RadioGroup';
import { SearchField as AriaSearchField } from 'react-aria-components/SearchField';
import { Select as AriaSelect, SelectValue } from 'react-aria-components/Select';
import { Button as AriaButton } from 'react-aria-components/Button';
import { Switch as AriaSwitch } from 'react-aria-components/Switch';
import { Text } from 'react-aria-components/Text';
import { TextField as AriaTextField, type TextFieldProps as AriaTextFieldProps } from 'react-aria-components/TextField';
import { Icon } from './icon';
import { IconButton } from './button';
import { useSpeech } from '../messages/react';

interface Told {
  readonly label: string;
  /** One sentence that explains it. */
  readonly help?: ReactNode;
  /** What is wrong with it. */
  readonly error?: string | null | undefined;
}

export interface TextFieldProps extends Omit<AriaTextFieldProps, 'className' | 'children' | 'style' | 'isInvalid' | 'validationBehavior'>, Told {
  readonly placeholder?: string;
  /** Hidden as it is typed, with a button that shows it. */
  readonly secret?: { readonly show: string; readonly hide: string };
  /** Stands behind the value: a unit. */
  readonly unit?: string;
  readonly mono?: boolean;
}

export function TextField({ label, help, error, placeholder, secret, unit, mono = false, ...rest }: TextFieldProps) {
  const [shown, setShown] = useState(false);
  return (
    <AriaTextField {...rest} {...(secret === undefined ? {} : { type: shown ? 'text' : 'password' })} className="field" isInvalid={error != null} validationBehavior="aria">
      <Label>{label}</Label>
      <span className="input-row">
        <Input className={mono ? 'input mono' : 'input'} placeholder={placeholder ?? ''} spellCheck={secret === undefined && !mono ? undefined : false} />
        {unit !== undefined && <span className="unit">{unit}</span>}
        {secret !== undefined && (
          <IconButton icon={shown ? 'eyeOff' : 'eye'} label={shown ? secret.hide : secret.show} aria-pressed={shown} onPress={() => setShown(!shown)} />
        )}
      </span>
      {help !== undefined && <Text slot="description" className="help">{help}</Text>}
      <FieldError className="field-error">{error}</FieldError>
    </AriaTextField>
  );
}

export function SearchField({ label, value, onChange, placeholder }: { label: string; value: string; onChange: (value: string) => void; placeholder?: string }) {
  const { m } = useSpeech();
  return (
    <AriaSearchField className="search" aria-label={label} value={value} onChange={onChange}>
      <Icon name="search" />
      <Input className="input" placeholder={placeholder ?? label} />
      <AriaButton className="button quiet small icon-only clear" aria-label={m.common.dismiss}><Icon name="close" /></AriaButton>
    </AriaSearchField>
  );
}

export interface Choice<Value extends string> {
  readonly value: Value;
  readonly label: string;
  readonly help?: string;
}

interface ChoosingProps<Value extends string> extends Told {
  readonly value: Value;
  readonly onChange: (value: Value) => void;
  readonly choices: readonly Choice<Value>[];
  readonly isDisabled?: boolean;
}

/** A drop-down list. `hideLabel`: the label is for screen readers only. */
export function Select<Value extends string>({ label, help, error, value, onChange, choices, isDisabled = false, hideLabel = false }: ChoosingProps<Value> & { hideLabel?: boolean }) {
  return (
    <AriaSelect
      className="field"
      value={value}
      onChange={(key) => { if (key !== null) onChange(key as Value); }}
      isDisabled={isDisabled}
      isInvalid={error != null}
      {...(hideLabel ? { 'aria-label': label } : {})}
    >
      {!hideLabel && <Label>{label}</Label>}
      <AriaButton className="input select">
        <SelectValue className="select-value" />
        <Icon name="chevronDown" />
      </AriaButton>
      {help !== undefined && <Text slot="description" className="help">{help}</Text>}
      <FieldError className="field-error">{error}</FieldError>
      <Popover className="popover" offset={6}>
        <ListBox className="list-box">
          {choices.map((choice) => (
            <ListBoxItem key={choice.value} id={choice.value} textValue={choice.label} className="option">
              <Icon name="check" />
              <span>
                <Text slot="label">{choice.label}</Text>
                {choice.help !== undefined && <Text slot="description" className="help">{choice.help}</Text>}
              </span>
            </ListBoxItem>
          ))}
        </ListBox>
      </Popover>
    </AriaSelect>
  );
}

/** A few choices that all deserve a sentence. */
export function Radios<Value extends string>({ label, help, error, value, onChange, choices, isDisabled = false }: ChoosingProps<Value>) {
  return (
    <RadioGroup className="field" value={value} onChange={(chosen) => onChange(chosen as Value)} isDisabled={isDisabled} isInvalid={error != null}>
      <Label>{label}</Label>
      {help !== undefined && <Text slot="description" className="help">{help}</Text>}
      <div className="radios">
        {choices.map((choice) => (
          <Radio key={choice.value} value={choice.value} className="radio">
            <span className="radio-mark" aria-hidden="true" />
            <span>
              <span className="radio-label">{choice.label}</span>
              {choice.help !== undefined && <span className="help">{choice.help}</span>}
            </span>
          </Radio>
        ))}
      </div>
      <FieldError className="field-error">{error}</FieldError>
    </RadioGroup>
  );
}

/** A few short choices side by side. */
export function Segments<Value extends string>({ label, value, onChange, choices }: Omit<ChoosingProps<Value>, 'help' | 'error'>) {
  return (
    <RadioGroup className="segments" aria-label={label} orientation="horizontal" value={value} onChange={(chosen) => onChange(chosen as Value)}>
      {choices.map((choice) => <Radio key={choice.value} value={choice.value} className="segment">{choice.label}</Radio>)}
    </RadioGroup>
  );
}

interface TickProps extends Omit<Told, 'error'> {
  readonly value: boolean;
  readonly onChange: (value: boolean) => void;
  readonly isDisabled?: boolean;
}

export function Switch({ label, help, value, onChange, isDisabled = false }: TickProps) {
  const helpId = useId();
  return (
    <div className="field">
      <AriaSwitch className="switch" isSelected={value} onChange={onChange} isDisabled={isDisabled} {...(help === undefined ? {} : { 'aria-describedby': helpId })}>
        <span className="switch-track" aria-hidden="true"><span className="switch-knob" /></span>
        <span>{label}</span>
      </AriaSwitch>
      {help !== undefined && <span className="help" id={helpId}>{help}</span>}
    </div>
  );
}

export function Checkbox({ label, help, value, onChange, isDisabled = false }: TickProps) {
  const helpId = useId();
  return (
    <div className="field tick">
      <AriaCheckbox className="checkbox" isSelected={value} onChange={onChange} isDisabled={isDisabled} {...(help === undefined ? {} : { 'aria-describedby': helpId })}>
        <span className="checkbox-box" aria-hidden="true"><Icon name="check" /></span>
        <span>{label}</span>
      </AriaCheckbox>
      {help !== undefined && <span className="help" id={helpId}>{help}</span>}
    </div>
  );
}
