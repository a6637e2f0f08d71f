%% inside.erl - the node that tests/bench/beam.c reads, and what it says of itself when it is asked the same from inside,
%% as recon and observer_cli ask. Commands by line on standard input, one line of answer each:
%%
%%   spawn N      there are N processes more: `ok`
%%   block N      N processes more, each blocked in a gen_server:call: `ok`
%%   all          process_info with the fields that a sweep reads, of every process: microseconds
%%   length       message_queue_len alone, of every process: microseconds
%%   work MS      messages that pairs of processes exchanged within MS: count
-module(inside).
-export([main/1]).

main([]) ->
    relay:start(busy),
    io:format("ready~n"),
    loop().

loop() ->
    case io:get_line("") of
        eof -> halt();
        Line ->
            io:format("~p~n", [answer(string:lexemes(string:trim(Line), " "))]),
            loop()
    end.

answer(["spawn", N]) ->
    spawn_many(list_to_integer(N)),
    ok;
answer(["block", N]) ->
    spawn(fun() -> gen_server:call(busy, {sleep, 3600000}, infinity) end),
    [spawn(fun() -> gen_server:call(busy, ping, infinity) end) || _ <- lists:seq(1, list_to_integer(N))],
    ok;
answer(["all"]) ->
    microseconds(fun() -> ask([registered_name, status, message_queue_len, current_function, initial_call,
                               reductions, memory, dictionary, monitors]) end);
answer(["length"]) ->
    microseconds(fun() -> ask(message_queue_len) end);
answer(["work", Ms]) ->
    work(list_to_integer(Ms)).

spawn_many(0) -> ok;
spawn_many(N) ->
    spawn(fun() -> receive never -> ok end end),
    spawn_many(N - 1).

ask(Items) ->
    lists:foldl(fun(Pid, Count) -> process_info(Pid, Items), Count + 1 end, 0, processes()).

microseconds(Fun) ->
    {Time, _} = timer:tc(Fun),
    Time.

%% As many pairs as schedulers; each counts for itself.
work(Ms) ->
    Until = erlang:monotonic_time(millisecond) + Ms,
    Self = self(),
    [spawn(fun() -> Self ! {count, pair(Until)} end) || _ <- lists:seq(1, erlang:system_info(schedulers))],
    lists:sum([receive {count, N} -> N end || _ <- lists:seq(1, erlang:system_info(schedulers))]).

pair(Until) ->
    Echo = spawn_link(fun() -> echo() end),
    N = ping(Echo, Until, 0),
    unlink(Echo),
    exit(Echo, kill),
    N.

echo() ->
    receive {From, N} -> From ! N end,
    echo().

ping(Echo, Until, N) ->
    Echo ! {self(), N},
    receive N -> ok end,
    case N rem 100 =:= 0 andalso erlang:monotonic_time(millisecond) >= Until of
        true -> N;
        false -> ping(Echo, Until, N + 1)
    end.
