#include "net/frame_stream.hpp"

#include "net/frame_connection.hpp"

#include <fstrm.h>
#include <sys/uio.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <utility>
#include <vector>

namespace nameplane::net {

namespace {

using Connection = FrameStream::Connection;

// As the library calls a connection.

fstrm_res destroy(void* of) {
    delete static_cast<Connection*>(of);
    return fstrm_res_success;
}

fstrm_res open(void* of) {
    return static_cast<Connection*>(of)->open() ? fstrm_res_success : fstrm_res_failure;
}

fstrm_res close(void* of) {
    static_cast<Connection*>(of)->close();
    return fstrm_res_success;
}

fstrm_res read(void* of, void* data, std::size_t octets) {
    const std::span<std::uint8_t> room{static_cast<std::uint8_t*>(data), octets};
    return static_cast<Connection*>(of)->read(room) ? fstrm_res_success : fstrm_res_failure;
}

// Small pieces go out together: each frame has its length in a piece of its own.
fstrm_res write(void* of, const iovec* pieces, int count) {
    std::vector<std::uint8_t> all;
    for (int i = 0; i < count; ++i) {
        const auto* const begin = static_cast<const std::uint8_t*>(pieces[i].iov_base);
        all.insert(all.end(), begin, begin + pieces[i].iov_len);
    }
    return static_cast<Connection*>(of)->write(all) ? fstrm_res_success : fstrm_res_failure;
}

// The library takes powers of two in these bounds.
unsigned queue_of(std::size_t wanted) noexcept {
    const std::size_t queue = std::bit_ceil(std::max<std::size_t>(wanted, 2));
    return static_cast<unsigned>(std::min<std::size_t>(queue, FSTRM_IOTHR_INPUT_QUEUE_SIZE_MAX));
}

}  // namespace

void FrameFree::operator()(std::uint8_t* octets) const noexcept {
    std::free(octets);
}

struct FrameStream::State {
    Connection* connection = nullptr;  // the library's
    fstrm_iothr* thread = nullptr;
    std::vector<fstrm_iothr_queue*> queues;

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        if (thread != nullptr) fstrm_iothr_destroy(&thread);
    }

    bool start(const Options& options) {
        fstrm_writer* writer = make_writer(options);
        if (writer == nullptr) return false;
        fstrm_iothr_options* const settings = fstrm_iothr_options_init();
        fstrm_iothr_options_set_num_input_queues(settings, static_cast<unsigned>(options.workers));
        fstrm_iothr_options_set_input_queue_size(settings, queue_of(options.queue));
        fstrm_iothr_options_set_queue_model(settings, FSTRM_IOTHR_QUEUE_MODEL_SPSC);
        fstrm_iothr_options_set_reopen_interval(settings, 1);
        fstrm_iothr_options_set_flush_timeout(settings, 1);
        thread = fstrm_iothr_init(settings, &writer);
        fstrm_iothr_options* left = settings;
        fstrm_iothr_options_destroy(&left);
        if (thread == nullptr) {
            fstrm_writer_destroy(&writer);
            return false;
        }
        for (std::size_t worker = 0; worker < options.workers; ++worker) {
            queues.push_back(fstrm_iothr_get_input_queue_idx(thread, worker));
        }
        return true;
    }

    fstrm_writer* make_writer(const Options& options) {
        connection = options.incoming != nullptr ? new Connection{options.incoming}
                                                 : new Connection{options.target};
        fstrm_rdwr* stream = fstrm_rdwr_init(connection);
        fstrm_rdwr_set_destroy(stream, destroy);
        fstrm_rdwr_set_open(stream, open);
        fstrm_rdwr_set_close(stream, close);
        fstrm_rdwr_set_read(stream, read);
        fstrm_rdwr_set_write(stream, write);
        fstrm_writer_options* settings = fstrm_writer_options_init();
        fstrm_writer_options_add_content_type(settings, options.content_type.data(),
                                              options.content_type.size());
        fstrm_writer* const writer = fstrm_writer_init(settings, &stream);
        fstrm_writer_options_destroy(&settings);
        return writer;
    }
};

FrameStream::FrameStream(Options options, std::unique_ptr<State> state)
    : options_{std::move(options)}, state_{std::move(state)} {}

FrameStream::~FrameStream() = default;

Result<std::unique_ptr<FrameStream>> FrameStream::make(Options options) {
    auto state = std::make_unique<State>();
    if (!state->start(options)) return Error{Errc::invalid, "libfstrm takes no such stream"};
    return std::unique_ptr<FrameStream>{new FrameStream{std::move(options), std::move(state)}};
}

bool FrameStream::is_connected() const noexcept {
    return state_->connection->is_open();
}

Frame FrameStream::allocate(std::size_t octets) noexcept {
    return Frame{static_cast<std::uint8_t*>(std::malloc(octets))};
}

void FrameStream::submit(std::size_t worker, Frame frame, std::size_t octets) noexcept {
    std::uint8_t* const data = frame.release();
    const fstrm_res went = fstrm_iothr_submit(state_->thread, state_->queues[worker], data, octets,
                                              fstrm_free_wrapper, nullptr);
    if (went == fstrm_res_success) return;
    std::free(data);
    dropped(worker);
}

}  // namespace nameplane::net
