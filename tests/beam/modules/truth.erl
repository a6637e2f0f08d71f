%% truth.erl - processes of all kinds, idle, and what the node itself says of each of them: a line a process. The tests
%% load it from its text, so it uses nothing of the preprocessor.
-module(truth).
-behaviour(gen_server).
-export([start/1, idle/0, deaf/1, init/1, handle_call/3, handle_cast/2]).

%% N of each kind; then a line for each of them. The node's own processes are not idle: asking keeps them busy.
start(N) ->
    Pids = lists:append([make(I) || I <- lists:seq(1, N)]) ++ alone(),
    lists:foreach(fun settle/1, Pids),
    Lines = [line(P) || P <- Pids],
    lists:foreach(fun(L) -> io:put_chars([L, $\n]) end, Lines).

%% ---- kinds ----

idle() ->
    receive stop -> ok end.

deaf(What) ->
    receive {What, stop} -> What end.

init(What) -> {ok, What}.
handle_call(_, _, State) -> {noreply, State}.
handle_cast(_, State) -> {noreply, State}.

send(Pid, Count) ->
    [Pid ! {message, I, "of some size"} || I <- lists:seq(1, Count)],
    Pid.

%% Each returns when the process is set up.
set_up(Setting) ->
    Self = self(),
    Pid = spawn(fun() -> Setting(), Self ! {set, self()}, idle() end),
    receive {set, Pid} -> Pid end.

hibernated() ->
    spawn(fun() -> erlang:hibernate(truth, idle, []) end).

suspended() ->
    Pid = spawn(truth, idle, []),
    settle(Pid),
    true = erlang:suspend_process(Pid),
    send(Pid, 3).

labelled(Label) ->
    set_up(fun() ->
        case erlang:function_exported(proc_lib, set_label, 1) of
            true -> proc_lib:set_label(Label);
            false -> ok
        end
    end).

with_garbage() ->
    set_up(fun() -> put(kept, lists:seq(1, 3000)), _ = lists:seq(1, 20000), erlang:garbage_collect() end).

with_dictionary() ->
    set_up(fun() -> [put({key, I}, I) || I <- lists:seq(1, 200)], put('$initial_call', {truth, many_keys, 7}) end).

make(I) ->
    {ok, Server} = gen_server:start({local, name("server", I)}, truth, I, []),
    {ok, Nameless} = gen_server:start(truth, I, []),
    {ok, Child} = gen_server:start_link(truth, I, []),
    [
        Server, Nameless, Child,
        spawn(fun idle/0),
        spawn(truth, idle, []),
        proc_lib:spawn(truth, idle, []),
        proc_lib:spawn(fun idle/0),
        hibernated(),
        suspended(),
        set_up(fun() -> register(name("registered", I), self()) end),
        set_up(fun() -> process_flag(priority, high) end),
        set_up(fun() -> process_flag(priority, low) end),
        send(set_up(fun() -> process_flag(message_queue_data, off_heap) end), I),
        send(set_up(fun() -> process_flag(message_queue_data, on_heap) end), I),
        send(spawn(truth, deaf, [I]), 2 * I),
        labelled({connection, I}),
        labelled(name("worker", I)),
        labelled("text " ++ integer_to_list(I)),
        labelled(list_to_binary(["bytes ", integer_to_list(I)])),
        spawn(fun() -> receive after 3600000 -> ok end end),
        spawn(fun() -> gen_server:call(Server, never, infinity) end),
        with_garbage(),
        with_dictionary()
    ].

name(Word, I) ->
    list_to_atom(Word ++ "_" ++ integer_to_list(I)).

%% What there is one of.
alone() ->
    Named = fun(Name) -> set_up(fun() -> register(Name, self()) end) end,
    [
        Named(list_to_atom(lists:duplicate(255, $x))),
        Named(list_to_atom("\e[31mred\e[0m\n\t")),
        Named(binary_to_atom(<<"プロセス"/utf8>>, utf8)),
        Named('with space'),
        Named(''),
        send(spawn(fun idle/0), 20000),
        set_up(fun() -> process_flag(priority, max) end)
    ].

%% It waits, and what was sent to it has arrived.
settle(Pid) ->
    case process_info(Pid, status) of
        {status, S} when S =:= waiting; S =:= suspended -> ok;
        _ -> erlang:yield(), settle(Pid)
    end.

%% ---- what the node says ----

line(Pid) ->
    Info = process_info(Pid, [registered_name, status, message_queue_len, reductions, current_function,
                              initial_call, dictionary, total_heap_size]),
    Get = fun(Key) -> proplists:get_value(Key, Info) end,
    {M, F, A} = Get(current_function),
    io_lib:format("~s ~s ~b ~b ~b ~s ~s ~s", [
        number(Pid), Get(status), Get(message_queue_len), Get(total_heap_size), Get(reductions),
        coded(mfa(M, F, A)), coded(called(Pid, Get)), number(parent(Pid, Get(dictionary)))
    ]).

%% <0.12.3> as 12.3
number(Pid) when is_pid(Pid) ->
    [_, N, S] = string:tokens(string:trim(pid_to_list(Pid), both, "<>"), "."),
    [N, $., S];
number(_) ->
    "-".

coded(Text) ->
    "=" ++ [io_lib:format("~2.16.0b", [B]) || <<B>> <= unicode:characters_to_binary(Text)].

mfa(M, F, A) ->
    [atom_to_binary(M, utf8), $:, atom_to_binary(F, utf8), $/, integer_to_list(A)].

called(Pid, Get) ->
    case Get(registered_name) of
        '' -> "''";
        Name when is_atom(Name), Name =/= [] -> atom_to_binary(Name, utf8);
        _ -> [unregistered(Get(dictionary), Get(initial_call)), pid_to_list(Pid)]
    end.

unregistered(Dictionary, Initial) ->
    case {lists:keyfind('$process_label', 1, Dictionary), lists:keyfind('$initial_call', 1, Dictionary)} of
        {{_, Label}, _} when is_binary(Label) -> [Label, $\s];
        {{_, Label}, _} when is_list(Label) -> [Label, $\s];
        {{_, Label}, _} -> io_lib:format("~w ", [Label]);
        {_, {_, {M, F, A}}} when is_integer(A) -> [mfa(M, F, A), $\s];
        _ -> spawned(Initial)
    end.

spawned({erlang, apply, _}) -> [];
spawned({proc_lib, init_p, _}) -> [];
spawned({M, F, A}) -> [mfa(M, F, A), $\s].

parent(Pid, Dictionary) ->
    case lists:keyfind('$ancestors', 1, Dictionary) of
        {_, [Parent | _]} when is_pid(Parent) -> Parent;
        {_, [Name | _]} when is_atom(Name) ->
            case whereis(Name) of undefined -> spawner(Pid); Parent -> Parent end;
        _ -> spawner(Pid)
    end.

spawner(Pid) ->
    try process_info(Pid, parent) of {parent, Parent} -> Parent catch error:badarg -> undefined end.
