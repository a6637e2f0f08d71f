%% waits.erl - processes that wait for an answer, one of each kind, registered by what they wait in. The tests load it
%% into a node from its text, so it uses nothing of the preprocessor.
%%
%% Those whom they wait for: `deaf` takes no message at all, `server` is a gen_server that is asked to call others.
-module(waits).
-behaviour(gen_server).
-export([kinds/0, start/1, circle/1, serve/1, waiting/2, deferred/0, spied/0, flood/2, callers/1, starts_who_calls/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, starter/0, one_by_one/2, hold/0, link_starter/1]).

%% ---- servers ----

serve(Name) ->
    {ok, Pid} = gen_server:start({local, Name}, waits, [], []),
    Pid.

init(_) ->
    {ok, nothing}.

handle_call({through, []}, _From, State) ->
    {reply, done, State};
handle_call({through, [Next | Rest]}, _From, State) ->
    {reply, gen_server:call(Next, {through, Rest}, infinity), State};
%% A helper will answer the caller, in an hour; meanwhile this one calls Next.
handle_call({defer, Next}, From, State) ->
    spawn(fun() -> register(helper, self()), timer:sleep(3600000), gen_server:reply(From, late) end),
    {reply, gen_server:call(Next, {through, []}, infinity), State};
%% A spy sees whom an answer would go to, and forgets it.
handle_call({spied, Next}, From, State) ->
    spy ! {seen, From},
    {reply, gen_server:call(Next, {through, []}, infinity), State};
handle_call(never, _From, State) ->
    timer:sleep(infinity),
    {noreply, State}.

handle_cast({through, [Next | Rest]}, State) ->
    _ = gen_server:call(Next, {through, Rest}, infinity),
    {noreply, State};
handle_cast({How, Other, Own}, State) ->
    _ = gen_server:call(Other, {How, Own}, infinity),
    {noreply, State}.

handle_info(_, State) ->
    {noreply, State}.

%% Each server's handler calls the next, the last one's the first.
circle([First | Others] = Names) ->
    [serve(Name) || Name <- Names],
    gen_server:cast(First, {through, Others ++ [First]}).

%% first waits for second, which waits for first; but a helper holds the answer for first.
deferred() ->
    serve(first),
    serve(second),
    gen_server:cast(first, {defer, second, first}).

%% The same circle, but nobody holds the answer: there is garbage with its reference in the heap of a third process.
spied() ->
    register(spy, spawn(fun() -> receive {seen, _} -> ok end, deaf() end)),
    serve(first),
    serve(second),
    gen_server:cast(first, {spied, second, first}).

%% Messages that nobody takes, as fast as one process can.
flood(Name, EveryMs) ->
    spawn(fun() -> flood(Name, EveryMs, 0) end).

flood(Name, EveryMs, N) ->
    Name ! {noise, N},
    EveryMs > 0 andalso timer:sleep(EveryMs),
    flood(Name, EveryMs, N + 1).

callers(Count) ->
    register(deaf, spawn(fun deaf/0)),
    Server = serve(slow),
    gen_server:cast(slow, {through, [deaf]}),
    [spawn(fun() -> gen_server:call(Server, never, infinity) end) || _ <- lists:seq(1, Count)],
    ok.

%% A process that is started and calls the one who starts it, from its init: neither goes on.
starts_who_calls(Name) ->
    waiting(Name, fun() -> proc_lib:start_link(waits, link_starter, [self()]), after_call() end).

link_starter(Starter) ->
    register(child, self()),
    gen_server:call(Starter, hello, infinity),
    proc_lib:init_ack({ok, self()}).

%% ---- one of each kind ----

waiting(Name, Fun) ->
    spawn(fun() -> register(Name, self()), Fun() end).

deaf() ->
    receive never -> ok end.

starter() ->
    register(started, self()),
    deaf().

kinds() ->
    [call_pid, call_name, call_node, call_timeout, statem, statem_timeout, statem_clean, event, event_call, which_children, sys_state,
     io, file, stop, start, request, requests, two_requests, erpc, rpc, monitor_down, by_hand, dead_name, itself,
     plain, watcher].

start(Kinds) ->
    register(deaf, spawn(fun deaf/0)),
    [start_kind(Kind) || Kind <- Kinds],
    ok.

start_kind(Kind) ->
    waiting(Kind, fun() -> wait(Kind, whereis(deaf)) end).

wait(call_pid, Deaf) -> {'EXIT', _} = (catch gen_server:call(Deaf, hello, infinity)), after_call();
wait(call_name, _) -> gen_server:call(deaf, hello, infinity), after_call();
wait(call_node, _) -> gen_server:call({deaf, node()}, hello, infinity), after_call();
wait(call_timeout, Deaf) -> gen_server:call(Deaf, hello, 3600000), after_call();
wait(statem, Deaf) -> gen_statem:call(Deaf, hello), after_call();
wait(statem_timeout, Deaf) -> gen_statem:call(Deaf, hello, 3600000), after_call();
%% Through OTP 25 a process of its own calls in its place, as the callee is no pid.
wait(statem_clean, _) -> gen_statem:call(deaf, hello, {clean_timeout, 3600000}), after_call();
wait(event, Deaf) -> gen_event:sync_notify(Deaf, hello), after_call();
wait(event_call, Deaf) -> gen_event:call(Deaf, handler, hello, infinity), after_call();
wait(which_children, Deaf) -> supervisor:which_children(Deaf), after_call();
wait(sys_state, Deaf) -> sys:get_state(Deaf, infinity), after_call();
wait(io, Deaf) -> io:get_line(Deaf, "?"), after_call();
wait(file, Deaf) -> file:position(Deaf, 0), after_call();
wait(stop, Deaf) -> proc_lib:stop(Deaf, normal, infinity), after_call();
wait(start, _) -> proc_lib:start(waits, starter, []), after_call();
wait(request, Deaf) ->
    gen_server:receive_response(gen_server:send_request(Deaf, hello), infinity),
    after_call();
%% It waits for the first; the second is on its stack, too.
wait(two_requests, Deaf) ->
    Other = spawn(fun() -> register(other, self()), deaf() end),
    First = gen_server:send_request(Deaf, hello),
    Second = gen_server:send_request(Other, hello),
    one_by_one(First, Second),
    after_call();
wait(requests, Deaf) ->
    Other = spawn(fun() -> register(another, self()), deaf() end),
    Ids = gen_server:send_request(Other, hello, b, gen_server:send_request(Deaf, hello, a, gen_server:reqids_new())),
    gen_server:receive_response(Ids, infinity, true),
    after_call();
wait(erpc, _) -> erpc:call(node(), waits, hold, [], 3600000), after_call();
wait(rpc, _) -> rpc:call(node(), waits, hold, [], 3600000), after_call();
wait(monitor_down, Deaf) ->
    Reference = monitor(process, Deaf),
    receive {'DOWN', Reference, process, Deaf, _} -> after_call() end;
wait(by_hand, Deaf) ->
    Reference = monitor(process, Deaf),
    Deaf ! {request, self(), Reference},
    receive
        {Reference, Answer} -> Answer;
        {'DOWN', Reference, _, _, Reason} -> exit(Reason)
    after 3600000 -> after_call()
    end;
wait(dead_name, _) -> catch gen_server:call(nobody, hello, infinity), deaf();
wait(itself, _) ->
    Reference = monitor(process, self()),
    self() ! {request, self(), Reference},
    receive {Reference, Answer} -> Answer end;
%% Waits for whatever comes.
wait(plain, _) -> receive X -> X end;
%% A server of its own kind: it watches a client, and waits for whatever comes.
wait(watcher, Deaf) -> watch(monitor(process, Deaf)).

watch(Reference) ->
    receive
        {'DOWN', Reference, _, _, _} -> gone;
        {hello, From} -> From ! Reference, watch(Reference)
    end.

one_by_one(First, Second) ->
    A = gen_server:receive_response(First, infinity),
    B = gen_server:receive_response(Second, infinity),
    {A, B}.

hold() ->
    deaf().

%% So that no call above is the last one of its function.
after_call() ->
    self() ! returned.
