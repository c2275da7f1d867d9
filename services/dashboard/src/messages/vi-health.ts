import { tenths, type enHealth } from './en-health';
import type { Format } from './format';

const rate = (f: Format, kilobits: number): string => f.bitrate(kilobits * 1_000);

const MODES = ['Độ trễ thường', 'Độ trễ thấp', 'Độ trễ cực thấp'];

const VIDEO = [
  '', 'Ít trình duyệt phát được HEVC. Hãy chọn bộ mã hóa hình H.264.', 'Nhiều thiết bị không phát được AV1. Hãy chọn bộ mã hóa hình H.264.',
  'Trình duyệt không phát được hình 10 bit. Hãy đặt định dạng màu NV12 và profile high.',
  'Trình duyệt không phát được hình 4:2:2. Hãy đặt định dạng màu NV12 và profile high.',
  'Trình duyệt không phát được hình 4:4:4. Hãy đặt định dạng màu NV12 và profile high.',
  'Hình được mã hóa xen kẽ nên hiện răng cưa trong trình duyệt. Hãy đặt bộ mã hóa ở chế độ progressive, hoặc khử xen kẽ nguồn.',
  'Khung hình chính thuộc GOP mở nên người xem không vào xem gọn gàng được. Hãy đặt GOP đóng (x264: open-gop=0).',
];

/** Lời của `en-health.ts` bằng tiếng Việt. */
export const viHealth: typeof enHealth = {
  warningTitles: {
    KEY_FRAME_INTERVAL_LONG: 'Khung hình chính quá thưa',
    BITRATE_UNSTABLE: 'Bitrate không ổn định',
    BITRATE_FALLING: 'Bitrate giảm',
    FRAME_RATE_LOW: 'Thiếu khung hình',
    TIMESTAMPS_JUMP: 'Mốc thời gian nhảy',
    NO_AUDIO: 'Không có tiếng',
    AUDIO_SILENT: 'Tiếng im lặng',
    AV_DRIFT: 'Hình và tiếng lệch nhau',
    B_FRAMES: 'Có khung B',
    FALLING_BEHIND: 'Đang bị chậm dần',
    UNUSUAL_CODEC: 'Định dạng ít gặp',
  },

  warningTexts: {
    KEY_FRAME_INTERVAL_LONG: (n, f) => `Khung hình chính đến mỗi ${tenths(f, n('intervalMs'))} giây. ${MODES[n('mode')] ?? 'Chế độ trễ này'} cần ${tenths(f, n('limitMs'))} giây hoặc ngắn hơn: trong OBS, đặt Keyframe Interval là ${f.number(n('suggestSeconds'))} giây.`,
    BITRATE_UNSTABLE: (n, f) => `Bitrate dao động từ ${rate(f, n('lowestKbps'))} đến ${rate(f, n('highestKbps'))}, đường truyền hẹp sẽ bị giật. Trong OBS, đặt Rate Control là CBR. Nếu đã là CBR thì mạng không ổn định: dùng dây cáp thay cho Wi-Fi, hoặc giảm bitrate.`,
    BITRATE_FALLING: (n, f) => `Bitrate giảm còn ${rate(f, n('nowKbps'))}, bình thường là ${rate(f, n('usualKbps'))}. Hãy xem còn gì đang dùng mạng, hoặc đặt bitrate mà mạng luôn tải được.`,
    FRAME_RATE_LOW: (n, f) => `Chỉ có ${tenths(f, n('rateMilli'))} khung hình mỗi giây thay vì ${tenths(f, n('ownMilli'))}: bộ mã hóa bị quá tải. Hãy chọn preset nhanh hơn, hoặc giảm độ phân giải hay tốc độ khung hình.`,
    TIMESTAMPS_JUMP: (n, f) => `Mốc thời gian nhảy ${n('byMs') < 0 ? 'lùi' : 'tới'} ${tenths(f, n('byMs'))} giây: khung hình bị mất trước khi gửi, hoặc nguồn bắt đầu lại. Nếu lặp lại, hãy khởi động lại bộ mã hóa.`,
    NO_AUDIO: (n, f) => (n('heard') !== 0
      ? `Đã ${f.number(n('seconds'))} giây không có tiếng. Hãy kiểm tra nguồn tiếng còn chạy không, rồi phát lại.`
      : 'Hình đến mà không có tiếng, một số trình phát sẽ không bắt đầu. Trong OBS, kiểm tra đã chọn track âm thanh để phát.'),
    AUDIO_SILENT: (n, f) => `Tiếng đã im lặng ${f.number(n('seconds'))} giây. Hãy kiểm tra bộ trộn của bộ mã hóa có bị tắt tiếng không và thiết bị thu có đúng không.`,
    AV_DRIFT: (n, f) => `Tiếng đến ${n('offsetMs') < 0 ? 'sớm' : 'muộn'} hơn hình ${tenths(f, n('offsetMs'))} giây. Hãy dùng một tần số lấy mẫu (48 kHz) cho mọi thiết bị, đặt Sync Offset trong OBS là 0, rồi phát lại.`,
    B_FRAMES: (n, f) => `Hình phải chờ nhau ${f.number(n('reorderMs'))} ms (khung B), độ trễ cực thấp không cho phép. Trong OBS, đặt Max B-frames là 0, hoặc Tune là zerolatency.`,
    FALLING_BEHIND: (n, f) => `Luồng chậm hơn thời gian thực ${tenths(f, n('behindMs'))} giây và ngày càng chậm: mạng hoặc bộ mã hóa không tải nổi bitrate. Chỉ ${rate(f, n('arrivesKbps'))} đến nơi, hãy đặt ${rate(f, n('suggestKbps'))} hoặc thấp hơn.`,
    UNUSUAL_CODEC: (n) => [VIDEO[n('video')] ?? '', n('audio') === 1 ? 'Một số trình phát không có tiếng với Opus. Hãy chọn bộ mã hóa tiếng AAC.' : ''].filter((part) => part !== '').join(' '),
  },

  timelineWords: {
    'session.opened': () => 'Bộ mã hóa đã kết nối; phiên phát bắt đầu.',
    'session.processing': () => 'Đã hiểu dữ liệu gửi đến; có thể xem trước.',
    'session.live': () => 'Phiên phát đã lên sóng.',
    'session.error': ({ cause }) => ({
      SILENCE: 'Bộ mã hóa không gửi gì nữa.', CONNECTION_BROKEN: 'Kết nối của bộ mã hóa bị đứt.', UNPUBLISHED: 'Bộ mã hóa ngừng gửi.',
      NODE_STOPPED: 'Máy chủ bị dừng.', NODE_RESTARTED: 'Máy chủ bị mất, hoặc khởi động lại.',
    } as Record<string, string>)[String(cause)] ?? 'Mất luồng.',
    'session.feed_opened': ({ takeover }) => (takeover === true ? 'Một bộ mã hóa khác tiếp quản.' : 'Bộ mã hóa kết nối lại.'),
    'session.recovered': () => 'Luồng đã trở lại.',
    'session.input_changed': () => 'Bộ mã hóa gửi định dạng khác.',
    'session.abandoned': () => 'Phiên phát bị bỏ trước khi bắt đầu.',
    'session.ended': ({ reason, fault }) => {
      const why = ({
        BROADCASTER_LEFT: 'người phát đã rời đi', CHANNEL_STOPPED: 'kênh bị dừng', SESSION_ENDED_BY_USER: 'có người kết thúc',
        MAX_DURATION: 'đã hết thời lượng tối đa', NODE_LOST: 'bộ mã hóa không trở lại sau khi máy chủ khởi động lại', INGEST_ERROR: 'không dùng được dữ liệu gửi đến',
      } as Record<string, string>)[String(reason)];
      const more = ({
        NO_MEDIA: 'không có dữ liệu nào', VIDEO_CODEC: 'không hỗ trợ định dạng hình', AUDIO_CODEC: 'không hỗ trợ định dạng tiếng', MALFORMED: 'dữ liệu bị hỏng',
      } as Record<string, string>)[String(fault)];
      return `Phiên phát kết thúc${why === undefined ? '' : `: ${why}`}${more === undefined ? '' : ` (${more})`}.`;
    },
  },
};
