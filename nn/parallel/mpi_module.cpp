// The module papilio_mpi: the one file that knows mpi.h.
#include <mpi.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <iterator>
#include <list>
#include <string>
#include <vector>

#include "kernels/dtype.h"
#include "nn/parallel/detail/mpi_functions.h"

namespace {

MPI_Comm exchanges = MPI_COMM_NULL, notices = MPI_COMM_NULL;
MPI_Request exchange = MPI_REQUEST_NULL;

// Sent and perhaps not yet taken.
struct Notice {
  std::vector<char> data;
  MPI_Request request = MPI_REQUEST_NULL;
};
std::list<Notice> sent;

// MPI has no bfloat16.
MPI_Datatype bfloat16 = MPI_DATATYPE_NULL;
MPI_Op add_bfloat16 = MPI_OP_NULL;

void add(void* from, void* to, int* count, MPI_Datatype*) {
  const auto* x = static_cast<const papilio::BFloat16*>(from);
  auto* sum = static_cast<papilio::BFloat16*>(to);
  for (int i = 0; i < *count; ++i) sum[i] = papilio::BFloat16(float(sum[i]) + float(x[i]));
}

int make_bfloat16() {
  if (const int error = MPI_Type_contiguous(2, MPI_BYTE, &bfloat16)) return error;
  if (const int error = MPI_Type_commit(&bfloat16)) return error;
  return MPI_Op_create(add, 1, &add_bfloat16);
}

MPI_Datatype type_of(int type) {
  const MPI_Datatype types[] = {MPI_BYTE, MPI_FLOAT, MPI_DOUBLE, bfloat16};
  return types[type];
}

int init(int* rank, int* size, int* funneled) {
  int level = MPI_THREAD_SINGLE;
  if (const int error = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level))
    return error;
  *funneled = level >= MPI_THREAD_FUNNELED;
  for (MPI_Comm* own : {&exchanges, &notices}) {
    if (const int error = MPI_Comm_dup(MPI_COMM_WORLD, own)) return error;
    if (const int error = MPI_Comm_set_errhandler(*own, MPI_ERRORS_RETURN)) return error;
  }
  if (const int error = make_bfloat16()) return error;
  if (const int error = MPI_Comm_rank(exchanges, rank)) return error;
  return MPI_Comm_size(exchanges, size);
}

int copy_text(const std::string& from, char* text, int capacity) {
  text[from.copy(text, size_t(capacity - 1))] = '\0';
  return MPI_SUCCESS;
}

int version_text(char* text, int capacity) {
  std::string whole(MPI_MAX_LIBRARY_VERSION_STRING, '\0');
  int length = 0;
  const int error = MPI_Get_library_version(whole.data(), &length);
  whole.resize(size_t(length));
  copy_text(whole, text, capacity);
  return error;
}

int error_text(int code, char* text, int capacity) {
  std::string whole(MPI_MAX_ERROR_STRING, '\0');
  int length = 0;
  const int error = MPI_Error_string(code, whole.data(), &length);
  whole.resize(size_t(length));
  copy_text(whole, text, capacity);
  return error;
}

int start_exchange(const PapilioMpiCollective* c) {
  MPI_Datatype type = type_of(c->type);
  switch (c->kind) {
    case 0:
      return MPI_Ibcast(c->to, c->count, type, c->root, exchanges, &exchange);
    case 1:
      return MPI_Iallreduce(MPI_IN_PLACE, c->to, c->count, type,
                            type == bfloat16 ? add_bfloat16 : MPI_SUM, exchanges, &exchange);
    case 2:
      return MPI_Iallgather(c->from, c->count, type, c->to, c->count, type, exchanges, &exchange);
    case 3:
      return MPI_Ialltoall(c->from, c->count, type, c->to, c->count, type, exchanges, &exchange);
    default:
      return MPI_Ibarrier(exchanges, &exchange);
  }
}

int test_exchange(int* done) {
  return MPI_Test(&exchange, done, MPI_STATUS_IGNORE);
}

int send_notice(int to, const void* data, int bytes) {
  const char* begin = static_cast<const char*>(data);
  sent.push_back({.data = {begin, begin + bytes}});
  Notice& notice = sent.back();
  return MPI_Isend(notice.data.data(), bytes, MPI_BYTE, to, 0, notices, &notice.request);
}

int receive_notice(int* from, void* data, int capacity) {
  for (auto it = sent.begin(); it != sent.end();) {
    int done = 0;
    if (const int error = MPI_Test(&it->request, &done, MPI_STATUS_IGNORE)) return error;
    it = done ? sent.erase(it) : std::next(it);
  }
  int there = 0;
  *from = -1;
  MPI_Status status;
  if (const int error = MPI_Iprobe(MPI_ANY_SOURCE, 0, notices, &there, &status)) return error;
  if (!there) return MPI_SUCCESS;
  const int source = status.MPI_SOURCE;
  const int error = MPI_Recv(data, capacity, MPI_BYTE, source, 0, notices, &status);
  if (!error) *from = source;
  return error;
}

int finalize() {
  if (const int error = MPI_Op_free(&add_bfloat16)) return error;
  if (const int error = MPI_Type_free(&bfloat16)) return error;
  for (MPI_Comm* own : {&exchanges, &notices})
    if (const int error = MPI_Comm_free(own)) return error;
  return MPI_Finalize();
}

// Bytes that the launcher has not yet read of what this process said.
int unread_bytes() {
  int all = 0;
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat about = {};
    int bytes = 0;
    if (::fstat(stream, &about) == 0 && S_ISFIFO(about.st_mode) &&
        ::ioctl(stream, FIONREAD, &bytes) == 0)
      all += bytes;
  }
  return all;
}

// Open MPI 5's launcher drops what a rank said, the reason among it, if it has not passed it on
// before the abort: time to read it, then to pass it on.
int abort(int code) {
  for (int i = 0; i < 100 && unread_bytes() > 0; ++i) ::usleep(10'000);
  ::usleep(100'000);
  return MPI_Abort(MPI_COMM_WORLD, code);
}

const PapilioMpiFunctions functions = {sizeof(PapilioMpiFunctions),
                                       init,
                                       version_text,
                                       error_text,
                                       start_exchange,
                                       test_exchange,
                                       send_notice,
                                       receive_notice,
                                       finalize,
                                       abort};

}  // namespace

extern "C" const PapilioMpiFunctions* papilio_mpi_functions() {
  return &functions;
}
