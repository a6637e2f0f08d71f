%% relay.erl - a gen_server that does what it is asked: the building block of scenario.erl.
-module(relay).
-behaviour(gen_server).
-export([start/1, init/1, handle_call/3, handle_cast/2, handle_info/2]).

start(Name) ->
    {ok, Pid} = gen_server:start({local, Name}, ?MODULE, [], []),
    Pid.

init([]) ->
    {ok, #{}}.

%% {through, [Next | Rest], Timeout}: asks Next to go through Rest before it answers.
handle_call({through, [], _Timeout}, _From, State) ->
    {reply, done, State};
handle_call({through, [Next | Rest], Timeout}, _From, State) ->
    {reply, catch gen_server:call(Next, {through, Rest, Timeout}, Timeout), State};
%% {compute, Count}: works for a while.
handle_call({compute, Count}, _From, State) ->
    {reply, lists:sum(lists:seq(1, Count)), State};
%% {sleep, Ms}: answers late, without working.
handle_call({sleep, Ms}, _From, State) ->
    timer:sleep(Ms),
    {reply, ok, State};
%% {defer, Ms, Next}: a helper answers after Ms; meanwhile this one calls Next.
handle_call({defer, Ms, Next}, From, State) ->
    spawn(fun() ->
                  timer:sleep(Ms),
                  gen_server:reply(From, late)
          end),
    _ = gen_server:call(Next, {through, [], infinity}, infinity),
    {noreply, State};
%% {ask_several, Names}: sends requests to all and takes the answers as they come.
handle_call({ask_several, Names}, _From, State) ->
    Ids = lists:foldl(
            fun(Name, Collection) ->
                    gen_server:send_request(Name, {through, [gatherer], infinity}, Name, Collection)
            end, gen_server:reqids_new(), Names),
    {reply, collect(Ids), State};
handle_call({which_children, Supervisor}, _From, State) ->
    {reply, supervisor:which_children(Supervisor), State};
handle_call(ping, _From, State) ->
    {reply, pong, State}.

collect(Ids) ->
    case gen_server:receive_response(Ids, infinity, true) of
        no_request -> done;
        {_Answer, _Label, Left} -> collect(Left)
    end.

handle_cast({through, Path, Timeout}, State) ->
    {reply, _, _} = handle_call({through, Path, Timeout}, none, State),
    {noreply, State};
handle_cast(_Noise, State) ->
    {noreply, State}.

handle_info(_Noise, State) ->
    {noreply, State}.
