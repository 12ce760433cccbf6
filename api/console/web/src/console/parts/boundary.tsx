import { Component, type ReactNode } from "react";

import { Text } from "./text";

/** Shows that a page has failed, where it stood; the frame around it goes on. */
export class Boundary extends Component<{ children: ReactNode }, { error: Error | undefined }> {
  override state = { error: undefined as Error | undefined };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    if (!this.state.error) return this.props.children;
    return (
      <div role="alert" className="problem">
        <p>This page of the console has failed: <Text>{this.state.error.message}</Text></p>
        <button type="button" onClick={() => this.setState({ error: undefined })}>
          Try again
        </button>
      </div>
    );
  }
}
