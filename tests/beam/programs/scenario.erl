%% scenario.erl - the shapes of trouble that impasse must find in a node, and those that it must not mistake for one.
%%
%%   erl -noshell -pa DIR -run scenario main NAME [ARGUMENT...]
%%
%% Sets the shape up, prints `ready`, and lasts until it is killed.
-module(scenario).
-export([main/1, init/1, handle_event/2, callback_mode/0, handle_event/4]).

main([Name | Arguments]) ->
    ok = shape(Name, Arguments),
    io:format("ready~n"),
    receive never -> ok end.

%% ---- circles of calls ----

%% Each of N servers is asked to call the next.
shape("circle", [N]) ->
    Names = [list_to_atom("server_" ++ integer_to_list(I)) || I <- lists:seq(1, list_to_integer(N))],
    circle(Names, infinity);
%% server_a's handle_call calls server_b, whose handle_call calls server_a.
shape("essay", []) ->
    circle([server_a, server_b], infinity);
shape("essay_flooded", []) ->
    ok = circle([server_a, server_b], infinity),
    [flood(Name, 1) || Name <- [server_a, server_b], _ <- [1, 2]],
    ok;
%% gen_server:call's own timeout breaks it; it comes back again and again.
shape("timed", []) ->
    relay:start(server_a),
    relay:start(server_b),
    spawn(fun() -> again([server_a, server_b, server_a]) end),
    ok;
%% gen_server refuses to call itself: it goes on.
shape("self_call", []) ->
    spawn(fun() -> register(lonely, self()), call_myself() end),
    ok;
%% Two processes that call each other through gen_statem.
shape("statem", []) ->
    [{ok, _} = gen_statem:start({local, Name}, ?MODULE, {machine, Other}, [])
     || {Name, Other} <- [{machine_a, machine_b}, {machine_b, machine_a}]],
    gen_statem:cast(machine_a, go),
    gen_statem:cast(machine_b, go),
    ok;
%% A handler of an event manager calls a server that notifies the manager synchronously.
shape("event", []) ->
    {ok, _} = gen_event:start({local, manager}),
    ok = gen_event:add_handler(manager, ?MODULE, relay_to),
    spawn(fun() ->
                  register(notifier, self()),
                  receive {'$gen_call', _From, _} -> gen_event:sync_notify(manager, again) end
          end),
    wait_for(notifier),
    gen_event:notify(manager, {call, notifier}),
    ok;
%% A child asks its supervisor for the children from its own init.
shape("which_children", []) ->
    spawn(fun() ->
                  register(starter, self()),
                  supervisor:start_link({local, top_supervisor}, ?MODULE, {supervisor, top_supervisor}),
                  receive never -> ok end
          end),
    ok;
%% A circle over two nodes: Own is here, Partner on the other Node (which has it by "partner").
shape("partner", [Own]) ->
    relay:start(list_to_atom(Own)),
    ok;
shape("cross", [Own, Partner, Node]) ->
    relay:start(list_to_atom(Own)),
    Remote = {list_to_atom(Partner), list_to_atom(Node)},
    spawn(fun() ->
                  wait_for_remote(Remote),
                  gen_server:cast(list_to_atom(Own), {through, [Remote, {list_to_atom(Own), node()}], infinity})
          end),
    ok;
%% Servers that wait for several answers at once, from each other.
shape("send_request", []) ->
    [relay:start(Name) || Name <- [gatherer, left, right]],
    spawn(fun() -> gen_server:call(gatherer, {ask_several, [left, right]}, infinity) end),
    ok;

%% ---- what is no deadlock ----

%% A circle on paper: asker waits for server_b, which waits for asker. But a helper holds the reply, and ends it.
shape("deferred", []) ->
    shape("deferred", ["4000"]);
shape("deferred", [Ms]) ->
    relay:start(server_b),
    spawn(fun() -> register(asker, self()), defer(list_to_integer(Ms)) end),
    ok;
%% Two workers behind one dispatcher; a worker asks the dispatcher while it works, and the other worker answers.
shape("replica", []) ->
    Workers = [spawn(fun() -> worker() end) || _ <- [1, 2]],
    register(dispatcher, spawn(fun() -> dispatch(Workers) end)),
    spawn(fun() -> register(client, self()), client() end),
    ok;
shape("dead_name", []) ->
    spawn(fun() -> register(optimist, self()), call_nobody() end),
    ok;
%% Calls in one direction at full speed: each sweep catches edges of different instants.
shape("phantom", [N]) ->
    Names = [list_to_atom("server_" ++ integer_to_list(I)) || I <- lists:seq(1, list_to_integer(N))],
    [relay:start(Name) || Name <- Names],
    [spawn(fun() -> chase(Names) end) || _ <- lists:seq(1, 2 * length(Names))],
    ok;
%% All at once that calls in circles without one: in one direction at full speed, answered by a helper, by the other of two
%% workers, given up after a millisecond, and through a name that goes from hand to hand.
shape("torment", [N]) ->
    [ok = shape(Name, Arguments) || {Name, Arguments} <-
        [{"phantom", [N]}, {"deferred", ["50"]}, {"replica", []}, {"name_churn", []}]],
    [relay:start(Name) || Name <- [patient, slow]],
    [spawn(fun() -> give_up() end) || _ <- lists:seq(1, list_to_integer(N))],
    [spawn(fun() -> call_whoever() end) || _ <- [1, 2]],
    ok;
%% Blocked in a call for ever, while messages of others pile up behind it.
shape("backlog", []) ->
    relay:start(sleeper),
    spawn(fun() -> register(busy, self()), gen_server:call(sleeper, {sleep, 3600000}, infinity) end),
    wait_for(busy),
    [busy ! {job, I} || I <- lists:seq(1, 100)],
    ok;
shape("idle", [N]) ->
    [spawn(fun() -> receive never -> ok end end) || _ <- lists:seq(1, list_to_integer(N))],
    ok;
shape("hibernated", [N]) ->
    [spawn(fun() -> erlang:hibernate(timer, sleep, [infinity]) end) || _ <- lists:seq(1, list_to_integer(N))],
    ok;

%% ---- what swells ----

%% N callers behind one server that works.
shape("slow_callee", [N]) ->
    relay:start(slow),
    [spawn(fun() -> compute_again() end) || _ <- lists:seq(1, list_to_integer(N))],
    ok;
shape("unmatched", []) ->
    spawn(fun() -> register(picky, self()), receive {only, this} -> ok end end),
    wait_for(picky),
    spawn(fun() -> drip(picky, 1) end),
    ok;
%% A consumer that is slower than what is sent to it.
shape("flood", []) ->
    register(drowning, spawn(fun() -> drown() end)),
    flood(drowning, 1),
    ok;
shape("ets_storm", [N]) ->
    ets:new(battlefield, [named_table, public, ordered_set]),
    ets:insert(battlefield, [{I, I} || I <- lists:seq(1, 2000)]),
    [begin
         Name = list_to_atom("fighter_" ++ integer_to_list(I)),
         register(Name, spawn(fun() -> fight(I) end))
     end || I <- lists:seq(1, list_to_integer(N))],
    ok;
%% A registered name that goes from hand to hand.
shape("name_churn", []) ->
    spawn(fun() -> churn() end),
    ok;
%% Modules are loaded again and again, with new functions each time, and run all the while; tables come and go.
shape("code_churn", []) ->
    spawn(fun() -> register(loader, self()), load(1) end),
    spawn(fun() -> rebuild() end),
    wait_for(changeling),
    ok;
%% Processes are born and die as fast as the node can.
shape("spawn_storm", [N]) ->
    [spawn(fun() -> breed() end) || _ <- lists:seq(1, list_to_integer(N))],
    ok;
%% Names that would do harm on a terminal.
shape("odd_names", []) ->
    Odd = [list_to_atom("evil\e[31m\n\t"), list_to_atom(lists:duplicate(255, $x)),
           binary_to_atom(<<"привет мир"/utf8>>), 'with space', ''],
    [register(Name, spawn(fun() -> receive never -> ok end end)) || Name <- Odd],
    ok.

%% ---- parts ----

%% The first one's handler calls the second, whose handler calls the third ... whose handler calls the first.
circle([First | Others] = Names, Timeout) ->
    [relay:start(Name) || Name <- Names],
    gen_server:cast(First, {through, Others ++ [First], Timeout}).

again(Path) ->
    [First | Rest] = Path,
    catch gen_server:call(First, {through, Rest, 5000}, 20000),
    again(Path).

call_myself() ->
    catch gen_server:call(lonely, ping, infinity),
    timer:sleep(1),
    call_myself().

%% Asks server_b, which gives the answer over to a helper and calls back.
defer(Ms) ->
    late = gen_server:call(server_b, {defer, Ms, asker}, infinity),
    receive {'$gen_call', From, _} -> gen_server:reply(From, done) end,
    defer(Ms).

dispatch(Workers) ->
    receive
        {'$gen_call', From, {work, Depth}} ->
            [First | Rest] = Workers,
            First ! {work, From, Depth},
            dispatch(Rest ++ [First])
    end.

worker() ->
    receive
        {work, From, 0} ->
            gen_server:reply(From, done);
        {work, From, Depth} ->
            %% The other worker takes it: the dispatcher is free, so this ends.
            _ = gen_server:call(dispatcher, {work, Depth - 1}, infinity),
            gen_server:reply(From, done)
    end,
    worker().

client() ->
    _ = gen_server:call(dispatcher, {work, 1}, infinity),
    client().

call_nobody() ->
    catch gen_server:call(nobody_has_this_name, ping, infinity),
    timer:sleep(1),
    call_nobody().

chase(Names) ->
    First = rand:uniform(length(Names)),
    %% Upwards only: a server never calls one before itself.
    Path = lists:nthtail(First - 1, Names),
    gen_server:call(hd(Path), {through, tl(Path), infinity}, infinity),
    chase(Names).

give_up() ->
    catch gen_server:call(patient, {through, [slow], 1}, 1),
    catch gen_server:call(slow, {compute, 20000}, 1),
    give_up().

call_whoever() ->
    catch gen_server:call(hot_potato, ping, 5),
    call_whoever().

compute_again() ->
    gen_server:call(slow, {compute, 20000}, infinity),
    compute_again().

flood(Name, EveryMs) ->
    spawn(fun() -> flood_loop(Name, EveryMs, 0) end).

flood_loop(Name, EveryMs, N) ->
    Name ! {noise, N},
    timer:sleep(EveryMs),
    flood_loop(Name, EveryMs, N + 1).

drip(Name, N) ->
    Name ! {unexpected, N},
    timer:sleep(500),
    drip(Name, N + 1).

drown() ->
    receive {noise, _} -> timer:sleep(1000) end,
    drown().

fight(I) ->
    ets:insert(battlefield, [{K, I} || K <- lists:seq(1, 2000)]),
    fight(I).

churn() ->
    Pid = spawn(fun() -> receive stop -> ok end end),
    catch unregister(hot_potato),
    true = register(hot_potato, Pid),
    timer:sleep(150),
    Pid ! stop,
    churn().

breed() ->
    spawn(fun() -> ok end),
    breed().

%% The process `changeling` waits in the function of the newest version: changeling:wait_N.
load(N) ->
    Function = list_to_atom("wait_" ++ integer_to_list(N)),
    Forms = [{attribute, 1, module, changeling}, {attribute, 2, export, [{Function, 0}]},
             {function, 3, Function, 0,
              [{clause, 3, [], [],
                [{'receive', 3, [{clause, 3, [{atom, 3, go}], [], [{atom, 3, ok}]}]}]}]}],
    {ok, changeling, Code} = compile:forms(Forms),
    _ = code:purge(changeling),
    {module, changeling} = code:load_binary(changeling, "changeling", Code),
    catch unregister(changeling),
    Pid = spawn(changeling, Function, []),
    register(changeling, Pid),
    timer:sleep(20),
    exit(Pid, kill),
    load(N + 1).

rebuild() ->
    [ets:delete(Table) || Table <- [ets:new(brief, [set]) || _ <- lists:seq(1, 50)]],
    rebuild().

wait_for(Name) ->
    case whereis(Name) of
        undefined -> timer:sleep(1), wait_for(Name);
        _ -> ok
    end.

wait_for_remote({Name, Node} = Remote) ->
    case net_adm:ping(Node) =:= pong andalso rpc:call(Node, erlang, whereis, [Name]) of
        Pid when is_pid(Pid) -> ok;
        _ -> timer:sleep(50), wait_for_remote(Remote)
    end.

%% ---- callbacks: a state machine, an event handler, a supervisor and its child ----

init({machine, Other}) ->
    {ok, idle, Other};
init({supervisor, Name}) ->
    {ok, {#{}, [#{id => curious, start => {gen_event, start_link, []}},
                #{id => asking, start => {gen_server, start_link, [?MODULE, {asking, Name}, []]}}]}};
init({asking, Supervisor}) ->
    {ok, supervisor:which_children(Supervisor)};
init(relay_to) ->
    {ok, []}.

callback_mode() ->
    handle_event_function.

handle_event(cast, go, idle, Other) ->
    timer:sleep(100),
    gen_statem:call(Other, hello),
    keep_state_and_data;
handle_event({call, From}, hello, _State, _Other) ->
    {keep_state_and_data, [{reply, From, hello}]}.

handle_event({call, Name}, State) ->
    _ = gen_server:call(Name, hello, infinity),
    {ok, State};
handle_event(_Event, State) ->
    {ok, State}.
