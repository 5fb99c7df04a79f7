// What the module papilio_mpi gives to the library: MPI behind plain C functions, so that the
// library runs where no MPI is installed. One thread, the one that called init, calls all.
#pragma once

#include <cstdint>

extern "C" {

// As nn::Collective; `kind` and `type` are its numbers and those below.
struct PapilioMpiCollective {
  int kind;  // 0 broadcast, 1 all_reduce, 2 all_gather, 3 all_to_all, 4 barrier
  int type;  // 0 bytes, 1 float32, 2 float64, 3 bfloat16
  const void* from;
  void* to;
  int count, root;
};

// Each returns 0 or one of MPI's error codes, which error_text explains.
struct PapilioMpiFunctions {
  int size_of_this;  // another one is a module of another Papilio
  int (*init)(int* rank, int* size, int* funneled);
  int (*version_text)(char* text, int capacity);
  int (*error_text)(int code, char* text, int capacity);
  // One exchange at a time; it goes on while test_exchange is called.
  int (*start_exchange)(const PapilioMpiCollective* collective);
  int (*test_exchange)(int* done);
  // Short messages beside the exchanges. receive_notice sets `from` to -1 if none has come.
  int (*send_notice)(int to, const void* data, int bytes);
  int (*receive_notice)(int* from, void* data, int capacity);
  int (*finalize)();
  int (*abort)(int code);
};

const PapilioMpiFunctions* papilio_mpi_functions();
}
