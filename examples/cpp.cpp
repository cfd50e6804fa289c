// The same API from C++17: handles that free themselves, statuses that throw.
// usage: cpp shop.elf
#include <cstdio>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

#include <mote/mote.h>

template <auto release> struct Release {
	template <typename T> void operator()(T *handle) const
	{
		release(handle);
	}
};
using Engine = std::unique_ptr<mote_engine, Release<mote_engine_unref>>;
using Image = std::unique_ptr<mote_image, Release<mote_image_unref>>;
using Sandbox = std::unique_ptr<mote_sandbox, Release<mote_sandbox_free>>;
using Prices = std::map<std::string, int64_t>;

static void check(mote_status status, const mote_error &err)
{
	if (status != MOTE_OK)
		throw std::runtime_error(std::string(mote_status_name(status)) +
					 ": " + err.text);
}

static std::string text(const mote_value &value)
{
	return { static_cast<const char *>(value.as.string.data),
		 value.as.string.size };
}

// Exceptions must not leave a host function: they would cross C frames.
static mote_status price_of(void *user, mote_host_call *call,
			    const mote_value *args, size_t,
			    mote_value *result) noexcept
try {
	*result = MOTE_I64(static_cast<Prices *>(user)->at(text(args[0])));
	return MOTE_OK;
} catch (const std::out_of_range &) {
	return mote_host_call_fail(call, 404, "not for sale");
} catch (const std::exception &e) {
	return mote_host_call_fail(call, 500, e.what());
}

static int64_t total(mote_sandbox *box, const std::string &item, uint32_t count)
{
	const mote_value args[] = {
		MOTE_STRING_N(item.data(), item.size()), MOTE_U32(count)
	};
	mote_error err = MOTE_ERROR_INIT;
	mote_value result;

	check(mote_call(box, "Total", args, 2, &result, &err), err);
	return result.as.i64;
}

static void run(const char *path)
{
	Prices prices{ { "apple", 45 }, { "melon", 390 } };
	const auto nothing = [](void *, mote_host_call *, const mote_value *,
				size_t, mote_value *) noexcept {
		return MOTE_OK;
	};
	const auto no_logo = [](void *, mote_host_call *call,
				const mote_value *, size_t,
				mote_value *) noexcept {
		return mote_host_call_fail(call, 1, "there is no logo");
	};
	const mote_host_function host[] = {
		{ "PriceOf", "I(s)", price_of, &prices },
		{ "Logo", "y(u)", no_logo, nullptr },
		{ "Log", "v(is)", nothing, nullptr },
	};
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = nullptr;
	mote_image *image = nullptr;
	mote_sandbox *box = nullptr;

	options.host_functions = host;
	options.host_function_count = 3;
	check(mote_engine_new(nullptr, &engine, &err), err);
	const Engine engine_owner(engine);
	check(mote_image_open(engine, path, &image, &err), err);
	const Image image_owner(image);
	check(mote_sandbox_new(image, &options, &box, &err), err);
	const Sandbox box_owner(box);

	std::printf("%lld cents\n", (long long)total(box, "melon", 2));
	try {
		total(box, "unicorn", 1);
	} catch (const std::runtime_error &e) {
		std::printf("%s\n", e.what());
	}
	std::printf("%lld cents\n", (long long)total(box, "apple", 1));
}

int main(int argc, char **argv)
{
	try {
		run(argc > 1 ? argv[1] : "shop.elf");
		return 0;
	} catch (const std::exception &e) {
		std::fprintf(stderr, "%s\n", e.what());
		return 1;
	}
}
