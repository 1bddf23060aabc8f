// Most tests wait for a socket, not for a processor: more of them at a time than there are cores.
[assembly: CollectionBehavior(MaxParallelThreads = 10)]
