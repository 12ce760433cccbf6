import { Fragment } from "react";

import { linkTo } from "../../address";
import { Line } from "../../parts/text";

type Props = { page: string; parameter: string; names: string[] };

/** Names, each a link to a page about it. */
export function ContextLinks({ page, parameter, names }: Props) {
  return names.map((name, index) => (
    <Fragment key={name}>
      {index > 0 && ", "}
      <a href={linkTo(page, { [parameter]: name })}>
        <Line>{name}</Line>
      </a>
    </Fragment>
  ));
}
