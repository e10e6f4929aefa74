// Signed in or not, and what is between the two: a password or a second factor that is due.

import { useCallback, useEffect, useState } from "preact/hooks";

import { get, onSignedOut, Refused } from "./api/client";
import { MeContext, type Me } from "./api/me";
import { Frame } from "./ui/frame";
import { Toasts } from "./ui/toast";
import { Due } from "./pages/account/due";
import { Login } from "./pages/account/login";
import { Loading } from "./ui/states";

export function App() {
  const [me, setMe] = useState<Me | null | undefined>(undefined);
  const look = useCallback(async () => {
    try {
      setMe(await get<Me>("/me"));
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 401) await new Promise((done) => setTimeout(done, 500));
      setMe(null);
    }
  }, []);
  useEffect(() => void look(), [look]);
  useEffect(() => onSignedOut(() => setMe((was) => (was ? null : was))), []);

  // What was said last stays to be read, whatever page comes next.
  return (
    <>
      <Within me={me} look={look} onSignOut={() => setMe(null)} />
      <Toasts />
    </>
  );
}

function Within({ me, look, onSignOut }: { me: Me | null | undefined; look: () => Promise<void>; onSignOut: () => void }) {
  if (me === undefined) return <Loading />;
  if (me === null) return <Login onDone={look} />;
  if (me.must_change_password || me.must_enrol_second_factor) return <Due me={me} onDone={look} />;
  return (
    <MeContext.Provider value={me}>
      <Frame onSignOut={onSignOut} />
    </MeContext.Provider>
  );
}
