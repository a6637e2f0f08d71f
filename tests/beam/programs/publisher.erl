%% publisher.erl - load for a RabbitMQ broker: publishers, consumers, and a queue process that is suspended on request.
%%
%%   ERL_LIBS=PLUGINS erl -noshell -run publisher main PORT QUEUES BROKER_NODE
%%
%% Prints `ready` once messages flow. Reads lines: `suspend` suspends the process of the first queue and asks for that
%% queue from several channels, `resume` lets it go on.
-module(publisher).
-include_lib("amqp_client/include/amqp_client.hrl").
-export([main/1, suspend_for/2]).

-define(PERIOD_MS, 2).

main([Port, Queues, Broker]) ->
    Parameters = #amqp_params_network{port = list_to_integer(Port)},
    Names = [iolist_to_binary(["queue-", integer_to_list(I)])
             || I <- lists:seq(1, list_to_integer(Queues))],
    {ok, Connection} = amqp_connection:start(Parameters),
    [start_flow(Connection, Name) || Name <- Names],
    io:format("ready~n"),
    commands(Parameters, hd(Names), list_to_atom(Broker), none).

start_flow(Connection, Name) ->
    {ok, Channel} = amqp_connection:open_channel(Connection),
    #'queue.declare_ok'{} = amqp_channel:call(Channel, #'queue.declare'{queue = Name}),
    spawn_link(fun() -> consume(Connection, Name) end),
    spawn_link(fun() -> publish(Channel, Name, 0) end).

publish(Channel, Name, N) ->
    ok = amqp_channel:cast(Channel, #'basic.publish'{routing_key = Name},
                           #amqp_msg{payload = integer_to_binary(N)}),
    timer:sleep(?PERIOD_MS),
    publish(Channel, Name, N + 1).

consume(Connection, Name) ->
    {ok, Channel} = amqp_connection:open_channel(Connection),
    #'basic.consume_ok'{} =
        amqp_channel:subscribe(Channel, #'basic.consume'{queue = Name, no_ack = true}, self()),
    take().

take() ->
    receive _ -> ok end,
    take().

commands(Parameters, Queue, Broker, Suspender) ->
    case io:get_line("") of
        "suspend\n" ->
            Pid = spawn(Broker, fun() -> ok end), % the broker must be reachable before anything is suspended
            true = is_pid(Pid),
            {ok, Code} = file:read_file(code:which(?MODULE)),
            {module, ?MODULE} = rpc:call(Broker, code, load_binary, [?MODULE, "publisher", Code]),
            New = spawn(Broker, ?MODULE, suspend_for, [self(), Queue]),
            receive {suspended, New} -> ok end,
            [spawn(fun() -> ask_for(Parameters, Queue) end) || _ <- lists:seq(1, 5)],
            io:format("suspended~n"),
            commands(Parameters, Queue, Broker, New);
        "resume\n" ->
            exit(Suspender, kill),
            io:format("resumed~n"),
            commands(Parameters, Queue, Broker, none);
        eof ->
            halt()
    end.

%% Runs on the broker: a process stays suspended only as long as whoever suspended it lives.
suspend_for(Asker, Queue) ->
    {ok, Record} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, Queue)),
    true = erlang:suspend_process(amqqueue:get_pid(Record)),
    Asker ! {suspended, self()},
    receive never -> ok end.

ask_for(Parameters, Queue) ->
    {ok, Connection} = amqp_connection:start(Parameters),
    {ok, Channel} = amqp_connection:open_channel(Connection),
    amqp_channel:call(Channel, #'queue.declare'{queue = Queue, passive = true}).
